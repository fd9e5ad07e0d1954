"""What follows on the machines, in the background: each resource is brought to the state that EC2's records
say it has.
"""
