"""AWS, through boto3: the only room that makes clients.

session.py   credentials and endpoint -> clients; what account and region this is
console.py   the serial console of an instance, and the kernel faults on it
refusals.py  botocore's exceptions -> errors with a hint
tags.py      the tags every resource of a run carries from its creation on
wait.py      the one function that waits
"""
