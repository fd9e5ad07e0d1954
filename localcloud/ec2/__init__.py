"""EC2 with real machines: the joints to moto, all of them in this folder.

install.py       puts our backend and responses in moto's place: start here when a new moto release breaks something
backend.py       the subclass of moto's EC2Backend: plain state
models/          the subclasses of its instances, volumes, snapshots, images
responses/       the wire: parameters in, one rule called, answer out
launch.py instances.py volumes.py attachments.py volume_types.py modifications.py
snapshots.py images.py create_image.py sharing.py groups.py addresses.py profiles.py instance_types.py
                 EC2's rules, one room per resource, as pure changes of the model
settle.py power.py tend.py forwards.py layers.py facts.py
                 what follows on the machines, in the background
host.py workers.py
                 the computer beneath: folders, the one lock, threads; no moto
"""
