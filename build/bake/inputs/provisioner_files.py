"""The files of a provisioner that reach the machine: those below files/, with templates rendered."""

from __future__ import annotations

from build.manifest import ProvisionerUse, template_variables
from build.manifest.provisioners.contents import IGNORED, TREE, files
from build.remote import file_tree

__all__ = ["IGNORED", "TREE", "files", "laid_over"]


def laid_over(use: ProvisionerUse) -> dict[str, file_tree.FileEntry]:
    """What is laid over /, by the path that it has in the provisioner's folder (``files/etc/motd.j2``).

    Raises OSError for a file that cannot be read, UserError for a template that cannot be rendered.
    """
    folder = use.folder / TREE
    if not folder.is_dir():
        return {}
    paths = list(files(folder))
    entries = file_tree.collect(folder, paths, template_variables(use), use.definition.ownership)
    return {f"{TREE}/{path.as_posix()}": entry for path, entry in zip(paths, entries, strict=True)}
