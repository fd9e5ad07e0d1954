"""Rebuilds at set times, by what is there to keep time.

when.py       "Mon 03:00" for systemd, cron, GitHub and EventBridge, and when it was last
job.py        the commands a run consists of: the same everywhere
systemd.py    a timer and a service on this machine
cron.py       two lines of the user's crontab
github.py     a workflow file
template.py   a CloudFormation template: EventBridge schedule, CodeBuild project, roles, logs, a message on failure
aws.py        deploying and removing it
"""
