"""An EC2 endpoint on loopback whose instances are real QEMU machines.

The room has two sides. The QEMU side knows neither moto nor boto3:

    machine.py        Machine: start, power button, reset, forwards, hot plug, save and restore
    qemu/             its parts: which QEMU, command line, firmware files, the QMP monitor
    emulator.py       fetches a QEMU that emulates well, where the system has none
    disk.py           LayerStore: qcow2 layers, each an overlay on its parent
    network.py        AddressPool: 127.77.x.y, unique among all clouds of this host
    metadata.py       MetadataServer: IMDSv2 on a unix socket, one per instance
    metadata_tree.py  InstanceFacts -> what IMDS answers
    usage.py          where what is kept, and how much of the disk it takes
    acceleration.py   "kvm" where it really works, else "tcg"

The moto side gives them EC2's names:

    server.py         up, down, reset; endpoint.py: where it answers; status.py: what runs
    daemon.py         the process itself; services.py: whose state it keeps
    names.py          names and certificates, by these two:
    dns/              a DNS server that answers from the Route 53 zones
    acme/             Pebble, in the place of Let's Encrypt
    ports.py          the ports all these listen on, the same for ever
    iam/              roles: their credentials, what they may, what they asked for
    cloudformation/   stacks of what a schedule on AWS needs, made through the other services
    codebuild.py      what moto's CodeBuild projects lack
    ec2/              the joints to moto's EC2 backend and responses
    faults/           what EC2 does on a bad day, on request
    base_image/       the base images: how they are built, what is in the cache

Only commands/ imports this room.
"""
