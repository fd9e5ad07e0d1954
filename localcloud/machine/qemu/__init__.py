"""The parts of a QEMU machine."""
