"""AWS, through boto3: the only room that makes clients."""
