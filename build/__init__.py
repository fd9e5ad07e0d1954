"""Hubsmith: golden JupyterHub machine images, built, tested, launched and renewed by Invoke tasks.

The rooms (README.md has the same map):

    commands/      what `invoke` offers: parse, call, print
    errors.py      exceptions with a hint and an exit code
    report.py      the only thing that prints
    pipeline.py    Step and Runner: run in order, clean up in reverse
    paths.py       where caches and state live on this machine
    kernel_console.py  panics, oopses and stalls on a serial console
    manifest/      manifest.yaml -> frozen dataclasses, every error with its position
    lock/          the packages it asks for -> exact builds with hashes
    bake/          from a base image to a published golden image; read recipe.py first
    launch/        from an image to a hub that people use; read recipe.py first
    remote/        ssh: the only room that knows paramiko
    aws/           the only room that makes boto3 clients; tags and waiting
    localcloud/    an EC2 endpoint on loopback whose instances are real machines
"""

VERSION = "0.1.0"
LAUNCH_REVISION = 2
"""Of the launch data that images of this version read: hubsmith_machine.launch.REVISION."""
"""Of Hubsmith, as pyproject.toml has it: part of what an image is made of."""
