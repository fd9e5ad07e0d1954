"""From an image to a hub that people use, and back: read recipe.py first.

recipe.py       the steps of a launch, in order
hub.py          a hub's domain, and the names and tags that follow from it
wishes.py       the options of a launch over the manifest's launch:
state.py        what the steps hand on to each other
lock.py         one launch of a domain at a time, on all machines
image.py        which image
dns.py          the hosted zone, the records            records.py   what is there
place.py        the subnet, in the zone of the data volume
password.py     the administrator's first password
role.py         what the instance may do: the least it needs
group.py        443 and 80 for users
address.py      the Elastic IP
volume.py       the data volume, attached after the launch
instance.py     the instance, found or launched         instances.py  what EC2 lists of them
user_data.py    launch.json and the operator's keys
take_over.py    a new instance in place of an old one, with a way back
health.py       https from outside, the instance's own words   https.py  one look
destroy.py      the end of all that, but for the data

Looking after a hub:

listing.py      all hubs                                status.py     one hub, part by part
way_in.py       ssh: host keys from SSM, operator.py's key, 22 open meanwhile (door.py)
browser.py      a browser that finds the hub
"""
