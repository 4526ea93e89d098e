"""Files outside `file_dir` are neither read nor written, whatever links lead there."""

import os

import pytest

from support.cell import Cell


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    """A folder with a secret, to which links lead from a node's `file_dir`."""
    outside = tmp_path_factory.mktemp("outside")
    (outside / "c.yaml").write_text("secret: 1\n")
    return outside


@pytest.fixture(scope="module")
def node(tmp_path_factory, outside):
    with Cell(tmp_path_factory.mktemp("inside")) as cell:
        (cell.folder / "link").symlink_to(outside)
        (cell.folder / "dangling.yaml").symlink_to(outside / "new.yaml")
        cell.start_node()
        yield cell


@pytest.mark.parametrize("name", ["link/c.yaml", "dangling.yaml", "link", "../c.yaml"])
def test_a_path_that_leads_out_is_refused(node, outside, name):
    loaded = node.client.load(name)
    assert not loaded.success and "secret" not in loaded.message, loaded.message
    saved = node.client.save(name)
    assert not saved.success and any(word in saved.message for word in ("outside", "'..'", "can't be reached")), saved
    assert (outside / "c.yaml").read_text() == "secret: 1\n" and os.listdir(outside) == ["c.yaml"]
