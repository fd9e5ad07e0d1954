"""User data as cloud-init, people and the tiny image of the local cloud read it."""

from __future__ import annotations

import ast
from pathlib import Path

import yaml

from build import cloud_config
from build.manifest.yaml.write import Block, as_text

BUILD = Path(__file__).parents[2] / "build"


def test_cloud_init_knows_it_by_its_first_line_and_comments_follow() -> None:
    text = cloud_config.render({"bootcmd": [["true"]]}, "one", "two: 2")
    assert text == "#cloud-config\n# one\n# two: 2\nbootcmd:\n- - 'true'\n"


def test_texts_of_several_lines_are_blocks_and_nothing_is_folded() -> None:
    key = "ssh-rsa " + "A B " * 2000
    assert as_text({"text": "a\nb\n", "key": key.strip()}) == f"text: |\n  a\n  b\nkey: {key.strip()}\n"


def test_a_block_is_one_also_with_one_line() -> None:
    assert as_text({"key": Block("private")}) == "key: |-\n  private\n"


def test_keys_keep_their_order_and_values_are_what_they_were() -> None:
    config = {"b": 1, "a": ["yes", "0644", "x: y", "", Block("a\n\n b\n")], "c": {"d": None, "e": True}}
    text = cloud_config.render(config)
    assert yaml.safe_load(text) == config
    assert list(yaml.safe_load(text)) == ["b", "a", "c"]


def test_user_data_is_ascii_whatever_is_in_it() -> None:
    config = {"key": "ssh-ed25519 AAAA jürgen", "text": "ä\nö\n"}
    text = cloud_config.render(config)
    assert text.isascii()
    assert yaml.safe_load(text) == config
    assert as_text({"key": "jürgen"}) == "key: jürgen\n"


def test_a_file_is_roots_and_everybody_may_read_it() -> None:
    assert cloud_config.file("/etc/x", "y\n") == {
        "path": "/etc/x", "owner": "root:root", "permissions": "0644", "content": "y\n"
    }  # fmt: skip


def test_user_data_is_written_here_alone() -> None:
    writers = [
        path.relative_to(BUILD).as_posix()
        for path in BUILD.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and str(node.value).startswith("#cloud-config")
    ]
    assert writers == ["cloud_config.py"]
