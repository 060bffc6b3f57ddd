"""Checkpoints: published whole or not at all, refused where anything is missing or changed, cleaned up after a kill."""

from __future__ import annotations

import errno
import json
import os
import shutil

import pytest
from fake_checkpoint import whole_checkpoint, written_checkpoint
from fake_run import write_run_json
from small_disk import small_disk_at

from r1rl.commands.dispatch import train_command
from r1rl.runs import checkpoints
from r1rl.runs import folder as runs_folder
from r1rl.runs.dump import METRICS, Dump, read_lines
from r1rl.system.errors import RunFailed, UserError


def cut(path):
    os.truncate(path, path.stat().st_size // 2)


def zeroed(path):
    path.write_bytes(b"\0" * path.stat().st_size)  # as a file system may leave it after a power failure


DAMAGE = {
    **{f"{name} cut": (name, cut) for name in checkpoints.ALWAYS},
    **{f"{name} missing": (name, lambda path: path.unlink()) for name in checkpoints.ALWAYS},
    **{f"{name} zeroed": (name, zeroed) for name in checkpoints.ALWAYS},
    "marker missing": (checkpoints.MARKER, lambda path: path.unlink()),
    "marker cut": (checkpoints.MARKER, cut),
    "marker a list": (checkpoints.MARKER, lambda path: path.write_text("[]")),
    "marker lists nothing": (checkpoints.MARKER, lambda path: path.write_text('{"files": {}}')),
    "marker of other files": (
        checkpoints.MARKER,
        lambda path: path.write_text('{"files": {"optimizer.pt": {"bytes": "many", "crc32": null}}}'),
    ),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_an_older_checkpoint_is_taken_for_a_damaged_one(tmp_path, capsys, how):
    folder = tmp_path / "checkpoints"
    for step in (2, 4):
        whole_checkpoint(folder, step)
    assert checkpoints.newest(folder) == (folder / "checkpoint-4", [])
    name, damage = DAMAGE[how]
    damage(folder / "checkpoint-4" / name)
    assert runs_folder.continue_from(Dump(tmp_path)) == folder / "checkpoint-2"
    shown = capsys.readouterr().out
    assert "not resumed from checkpoint-4 (" in shown and "continues from checkpoint-2" in shown
    assert name in shown


def test_without_a_whole_checkpoint_the_run_begins_again(tmp_path, capsys):
    cut(whole_checkpoint(tmp_path / "checkpoints", 2) / "optimizer.pt")
    assert runs_folder.continue_from(Dump(tmp_path)) is None
    assert "the run starts from the beginning" in capsys.readouterr().out


@pytest.mark.parametrize("name", checkpoints.ALWAYS)
@pytest.mark.parametrize("damage", [cut, lambda path: path.unlink()], ids=["cut", "missing"])
def test_what_was_not_written_whole_is_not_published(tmp_path, name, damage):
    final = whole_checkpoint(tmp_path, 2)
    written = written_checkpoint(tmp_path / ".saving-4")
    damage(written / name)
    with pytest.raises(UserError, match=f"step 4 was not written whole .*{name}"):
        checkpoints.publish(written, tmp_path / "checkpoint-4")
    assert checkpoints.newest(tmp_path) == (final, [])


def test_a_resume_cleans_up_after_a_kill(tmp_path):
    folder = tmp_path / "checkpoints"
    whole_checkpoint(folder, 2, best="old")
    written_checkpoint(folder / ".saving-4" / "checkpoint-4")
    written_checkpoint(folder / ".saving-best")
    (folder / "best").rename(folder / ".old-best")  # killed between the two renames
    (folder / ".old-checkpoint-2").mkdir()
    assert runs_folder.continue_from(Dump(tmp_path)) == folder / "checkpoint-2"
    assert sorted(p.name for p in folder.iterdir()) == ["best", "checkpoint-2"]
    assert json.loads((folder / "best" / "adapter_config.json").read_text()) == "old"


def test_the_best_adapter_is_set_back_with_the_checkpoint(tmp_path):
    folder = tmp_path / "checkpoints"
    whole_checkpoint(folder, 2)
    whole_checkpoint(folder, 4, best="of step 4")
    whole_checkpoint(folder, 6, best="of step 6")

    def best():
        return json.loads((folder / "best" / "adapter_config.json").read_text())

    assert best() == "of step 6"
    shutil.rmtree(folder / "checkpoint-6")
    runs_folder.continue_from(Dump(tmp_path))
    assert best() == "of step 4" and checkpoints.trouble(folder / "checkpoint-4") is None
    shutil.rmtree(folder / "checkpoint-4")
    runs_folder.continue_from(Dump(tmp_path))
    assert not (folder / "best").exists()


def test_adapters_in_folders_are_looked_after(tmp_path):
    """As TRL leaves them with --beta, in the checkpoint and in the best adapter."""
    for name in (".saving-2", "best"):
        written_checkpoint(tmp_path / name / "ref")
    written = tmp_path / ".saving-2"
    for path in written_checkpoint(tmp_path / "made").iterdir():
        path.rename(written / path.name)
    checkpoints.keep_best(tmp_path, written)
    checkpoints.publish(written, tmp_path / "checkpoint-2")
    assert checkpoints.trouble(tmp_path / "checkpoint-2") is None
    cut(tmp_path / "checkpoint-2" / "ref" / "adapter_model.safetensors")
    assert "ref/adapter_model.safetensors" in checkpoints.trouble(tmp_path / "checkpoint-2")


def test_rotation_counts_whole_checkpoints_only(tmp_path):
    for step in (2, 4, 6, 8, 10):
        whole_checkpoint(tmp_path, step)
    for step in (4, 10):
        (tmp_path / f"checkpoint-{step}" / checkpoints.MARKER).unlink()
    (tmp_path / "checkpoint-x").mkdir()
    checkpoints.rotate(tmp_path, 2)
    # 10 is not whole: it is newer than the newest whole one, and no reason to lose that.
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "checkpoint-10", "checkpoint-6", "checkpoint-8", "checkpoint-x"
    ]  # fmt: skip


def test_a_checkpoint_of_the_same_step_is_replaced(tmp_path):
    cut(whole_checkpoint(tmp_path, 2) / "optimizer.pt")
    assert checkpoints.trouble(whole_checkpoint(tmp_path, 2)) is None
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint-2"]


# ---- a full disk


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MiB."""
    with small_disk_at(tmp_path / "small", "1m") as folder:
        yield folder


def test_a_line_that_does_not_fit_is_cut_off_again(small_disk):
    dump = Dump(small_disk)
    with pytest.raises(OSError) as error:
        for step in range(1, 100):
            dump.append(METRICS, [{"step": step, "text": "x" * 30_000}])
    assert error.value.errno == errno.ENOSPC and checkpoints.is_full(error.value, small_disk)
    assert not (small_disk / METRICS).read_bytes().endswith(b"\n")  # a torn line
    Dump(small_disk)  # opened again, as by --resume
    steps = [line["step"] for line in read_lines(small_disk / METRICS)]
    assert steps == list(range(1, len(steps) + 1)) and (small_disk / METRICS).read_bytes().endswith(b"\n")


def test_room_is_looked_for_before_anything_is_written(small_disk):
    checkpoints.check_room(small_disk.parent, 1, "the checkpoint of step 2")
    with pytest.raises(UserError, match=r"1\.0 MiB free, and the checkpoint of step 2 takes 4\.0 MiB.*Free some"):
        checkpoints.check_room(small_disk, 1, "the checkpoint of step 2")


def wrapped(reason: Exception) -> Exception:
    try:
        try:
            raise reason
        except Exception as cause:
            raise RuntimeError("saving failed") from cause
    except RuntimeError as error:
        return error


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        wrapped(OSError(errno.ENOSPC, "No space left on device")),
        Exception("Error while serializing: I/O error: No space left on device (os error 28)"),  # safetensors
    ],
)
def test_a_full_disk_is_reported_in_one_message(tmp_path, error):
    def train(*arguments):
        raise error

    flags = ["--recipe", "tiny", "--dumps", str(tmp_path), "--exp-name", "a"]
    (tmp_path / "a").mkdir()
    with pytest.raises(UserError, match=r"is full \(.*--resume") as caught:
        train_command(flags, train)
    assert caught.value.exit_code == 2 and not isinstance(caught.value, RunFailed)
    assert not (tmp_path / "a" / "logs").exists()  # nothing more is written


def test_other_errors_are_no_full_disk(tmp_path):
    for error in (OSError(errno.EACCES, "Permission denied"), RuntimeError("shape mismatch")):
        assert not checkpoints.is_full(error, tmp_path)


@pytest.mark.parametrize("name", ["logs", "eval", "checkpoints"])
def test_a_file_where_a_folder_belongs_is_refused(tmp_path, name):

    config = write_run_json(tmp_path / "a", resume=True)
    (tmp_path / "a" / name).write_text("")
    with pytest.raises(UserError, match=f"{name} is a file.*move the file away"):
        runs_folder.check_folder(config)


def test_a_run_killed_before_it_was_described_can_be_begun_again(tmp_path):
    config = write_run_json(tmp_path / "a")
    (tmp_path / "a" / "run.json").rename(tmp_path / "a" / "run.new")
    (tmp_path / "a" / "logs").mkdir()
    runs_folder.check_folder(config)
    (tmp_path / "a" / "thesis.txt").write_text("")
    with pytest.raises(UserError, match="is not empty and holds no run"):
        runs_folder.check_folder(config)
