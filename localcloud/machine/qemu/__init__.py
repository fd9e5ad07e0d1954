"""The parts of a QEMU machine.

spec.py          MachineSpec, Drive: what a machine is made of
program.py       which QEMU runs it
emulation.py     how its processors are emulated without KVM
command_line.py  MachineSpec -> the command line
firmware.py      where the host keeps its UEFI firmware
process.py       the daemon, known by its pid file
qmp.py           QMP, through the library of the QEMU project
drives.py        hot plug and the live switch to an overlay
saved_states.py  which saved state fits which QEMU
"""
