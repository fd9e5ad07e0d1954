"""EC2 with real machines: the joints to moto, all of them in this folder.

install.py       puts our backend and responses in moto's place: start here when a new moto release breaks something
backend.py       the subclass of moto's EC2Backend: plain state
models/          the subclasses of its instances, volumes, snapshots, images
responses/       the wire: parameters in, one rule called, answer out
rules/           EC2's rules, one file per resource, as pure changes of the model
reconcile/       what follows on the machines, in the background
host.py, work_queue.py
                 the computer beneath: folders, the one lock, threads; no moto
"""
