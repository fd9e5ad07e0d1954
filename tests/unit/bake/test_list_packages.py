"""What the record knows of an environment: packages of pip and conda, their licences, its size."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

SCRIPT = Path(__file__).parents[3] / "build/bake/scripts/list_packages.sh"


def test_packages_licences_and_the_size_are_listed(tmp_path: Path) -> None:
    for name, words in {
        "a": "License: MIT\n",
        "b": "License-Expression: BSD-3-Clause\nClassifier: x\n\nLicense: not this\n",
        "c": "",
        "d": "Classifier: License :: OSI Approved :: BSD License\n",
        "e": "License: MIT\nClassifier: License :: OSI Approved\n",
    }.items():
        folder = tmp_path / f"opt/anaconda/lib/python3.13/site-packages/{name}-1.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.{name}\n{words}")
    meta = tmp_path / "opt/anaconda/conda-meta"
    meta.mkdir()
    (meta / "zlib-1.json").write_text(
        '{\n  "build": "0",\n  "license": "Zlib",\n  "name": "zlib",\n  "version": "1.3.1",\n  '
        '"paths": {"name": "x"}\n}\n'
    )
    course = tmp_path / "opt/anaconda/envs/course"
    for inside, text in {
        "lib/python3.12/site-packages/a-2.dist-info": "Metadata-Version: 2.4\nName: a\nVersion: 2\n",
        "conda-meta": '{\n  "name": "r-base",\n  "version": "4.5"\n}\n',
    }.items():
        (course / inside).mkdir(parents=True)
        name = "METADATA" if inside.endswith("dist-info") else "r-base-4.5.json"
        (course / inside / name).write_text(text)
    script = (
        SCRIPT.read_text()
        .replace("/opt/", f"{shlex.quote(str(tmp_path))}/opt/")
        .replace("dpkg-query >", "no-dpkg >")
    )
    lines = (
        subprocess.run(["sh"], input=script, capture_output=True, text=True, check=True)
        .stdout.replace(str(tmp_path), "")
        .splitlines()
    )
    sizes = [line.split("\t") for line in lines if line.startswith("bytes")]
    assert sorted(line for line in lines if not line.startswith("bytes")) == [
        "/opt/anaconda\ta\t1.a",
        "/opt/anaconda\tb\t1.b",
        "/opt/anaconda\tc\t1.c",
        "/opt/anaconda\td\t1.d",
        "/opt/anaconda\te\t1.e",
        "/opt/anaconda/envs/course\ta\t2",
        "conda /opt/anaconda\tzlib\t1.3.1",
        "conda /opt/anaconda/envs/course\tr-base\t4.5",
        "licence /opt/anaconda\ta\tMIT",
        "licence /opt/anaconda\tb\tBSD-3-Clause",
        "licence /opt/anaconda\td\tBSD License",
        "licence /opt/anaconda\te\tMIT",
        "licence conda /opt/anaconda\tzlib\tZlib",
    ]
    assert [size[1] for size in sizes] == ["/opt/anaconda"]
    assert int(sizes[0][2]) > 100
