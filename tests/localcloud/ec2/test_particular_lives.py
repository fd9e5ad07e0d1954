"""Lives that random ones (test_lifecycle.py) found, or would seldom find."""

from __future__ import annotations

import pytest

from localcloud.ec2.errors import Ec2Error
from localcloud.ec2.rules import attachments, instances
from tests.localcloud.ec2.test_lifecycle import Life


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize("write", [1, 2])
@pytest.mark.parametrize("grown", [False, True])
@pytest.mark.parametrize("attached", [False, True])
def test_a_new_layer_that_was_begun_is_finished_though_its_snapshot_is_gone(
    attached: bool, grown: bool, write: int, written: bool
) -> None:
    life = Life()
    life.begin()
    if attached:
        life.launches(with_data=False, kept=False)
        life.come_to_rest()
    else:
        life.makes_a_volume(size=1)
    life.takes_a_snapshot(number=0)
    life.each_answer_is_written_down()
    # Of an instance its forwards are looked at first, then itself.
    life.the_server_is_killed_and_started(number=1 if attached else 0, write=write, written=written)
    if grown:
        life.modifies(number=0, size=3)
    life.deletes_a_snapshot(number=0)
    life.teardown()


def test_a_machine_that_starts_at_once_goes_on_in_the_new_layer_it_wrote_to() -> None:
    life = Life()
    life.begin()
    life.launches(with_data=False, kept=False)
    life.come_to_rest()
    life.takes_a_snapshot(number=0)
    life.each_answer_is_written_down()
    # the machine has gone over, and nobody knows
    life.the_server_is_killed_and_started(number=1, write=2, written=False)
    life.deletes_a_snapshot(number=0)
    life.a_guest(number=0, how="powers off")
    (instance,) = life.backend.local_instances()
    (written_to,) = [volume.next_layer for volume in life.backend.volumes.values()]
    while instance.state != "stopped":
        life.the_server_works(number=1)
    life.changes(number=0, act="start")
    while instance.state != "running":
        life.the_server_works(number=1)
    assert [disk.stem for disk in life.machines(instance.id).disks.values()] == [written_to]
    life.teardown()


# so often the server looks before the start is asked for: detaching, or gone
@pytest.mark.parametrize("works", [0, 1, 2])
def test_an_instance_without_its_root_volume_is_not_started(works: int) -> None:
    life = Life()
    life.begin()
    life.launches(with_data=False, kept=False)
    life.come_to_rest()
    life.a_guest(number=0, how="powers off")
    life.come_to_rest()
    life.detaches(number=0)
    for _ in range(works):
        life.the_server_works(number=0)
    (instance,) = life.backend.local_instances()
    with pytest.raises(Ec2Error, match="does not have a volume attached at root"):
        instances.start(life.backend, [instance.id])
    assert instance.state == "stopped"
    life.teardown()


@pytest.mark.parametrize("end", ["lets go", "is stopped", "is asked again by a customer"])
def test_a_busy_volume_is_free_in_the_end(end: str) -> None:
    life = Life()
    life.begin()
    life.launches(with_data=True, kept=True)
    life.come_to_rest()
    (instance,) = life.backend.local_instances()
    (data,) = [found for found in instance.attachments if found.device != "/dev/xvda"]
    guest = life.machines(instance.id)
    guest.holding = True
    attachments.detach(life.backend, data.volume.id, None, None)
    life.come_to_rest()
    assert (data.status, data.volume.status) == ("busy", "in-use")
    if end == "is stopped":
        instances.stop(life.backend, [instance.id], force=False)
    else:
        guest.holding = False
    if end == "is asked again by a customer":
        attachments.detach(life.backend, data.volume.id, None, None)
    life.backend.enqueue_instance(instance.id)  # as the watchdog does
    life.come_to_rest()
    assert data.volume.status == "available"
    guest.holding = False
    life.teardown()
