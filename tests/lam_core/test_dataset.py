import numpy as np
import pytest

from lam_core.batches import Dropping, Sampler, collate, generator
from lam_core.dataset import DataError, build, concatenate, load_dataset
from lam_core.features import HISTORY_AT
from lam_core.recordings import Reading, sources, workflows
from lam_core.samples.record import FOLDER
from tests.lam_core.demonstrations import demonstrations, page, workflow


def test_saved_data_reads_back_with_the_same_digest(tmp_path):
    data = build(demonstrations())
    data.save(tmp_path / "data.npz")
    again = load_dataset(tmp_path / "data.npz")
    assert again.digest() == data.digest()
    assert len(again.decided) == len(data.decided) == 18
    assert np.array_equal(again.doubtful, data.doubtful)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"{}"])
def test_a_file_that_is_no_data_is_named(tmp_path, content):
    path = tmp_path / "broken.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"broken\.npz"):
        load_dataset(path)


def test_recordings_without_an_action_are_no_data():
    typed = {"action": "scroll", "at": 1, "until": 2, "observation": 0, "dx": 0, "dy": 40}
    with pytest.raises(DataError, match="no recording held an action"):
        build([("ann", workflow("Scroll.", [page()], [typed]))])


def test_leaving_a_contributor_out_is_as_if_they_had_never_recorded():
    everybody = demonstrations()
    without = build(everybody).without("person2")
    never = build([pair for pair in everybody if pair[0] != "person2"])
    assert without.digest() == never.digest()
    with pytest.raises(DataError, match="nobody"):
        never.without("nobody")


def test_a_dataset_can_be_cut_to_tasks_and_to_so_many_recordings_of_each():
    data = build(demonstrations())
    assert len(data.of_tasks(["enter-text"]).decided) == 12
    assert len(data.at_most(2).decided) == 2 + 2 * 2
    with pytest.raises(DataError, match="no recordings of fly"):
        data.of_tasks(["fly"])


def test_datasets_side_by_side_keep_their_examples():
    first, second = build(demonstrations(2)), build(demonstrations(5)[4:])
    both = concatenate([first, second])
    assert len(both) == len(first) + len(second)
    assert both.digest() == build(demonstrations(2) + demonstrations(5)[4:]).digest()
    assert len(set(both.rows["workflow"].tolist())) == 4 + 6


def test_batches_depend_on_seed_and_step_alone():
    data = build(demonstrations())
    sampler = Sampler(data, seed=3, batch=4)
    again = Sampler(data, seed=3, batch=4)
    drawn = [sampler.draw(step).tolist() for step in range(20)]
    assert drawn == [again.draw(step).tolist() for step in reversed(range(20))][::-1]
    assert drawn != [Sampler(data, seed=4, batch=4).draw(step).tolist() for step in range(20)]


def test_a_batch_hides_words_everywhere_or_nowhere_and_whole_histories():
    data = build(demonstrations())
    examples = np.arange(8)
    plain = collate(data, examples)
    hidden = collate(
        data, examples, dropping=Dropping(words=1.0, history=1.0), random=generator(1, 2)
    )
    assert int(hidden.word_ids.sum()) == 0
    assert int(plain.word_ids.sum()) > 0
    assert float(hidden.dense[:, :, HISTORY_AT:].abs().sum()) == 0
    assert hidden.attribute_ids.equal(plain.attribute_ids)
    assert bool((plain.correct & ~plain.allowed).any()) is False


def test_a_folder_of_recordings_is_read_with_what_is_broken_counted(tmp_path):
    task = tmp_path / "batch" / "click-button"
    task.mkdir(parents=True)
    (task / "click-button_A_d1.json.gz").write_bytes(b"\x1f\x8b truncated")
    (task / "not-a-workflow.json").write_text('{"schema_version": 2, "steps": "none"}')
    deep = '{"schema_version": 2, "observations": ' + "[" * 5000 + "]" * 5000 + "}"
    (task / "too-deep.json").write_text(deep)
    reading = Reading()
    assert list(workflows(sources(tmp_path), reading)) == []
    assert reading.failed == {"unreadable": 1, "not a workflow": 2}
    with pytest.raises(FileNotFoundError, match="no folder of recordings"):
        sources(task / "x")


def test_samples_and_exported_workflows_are_read_alike(tmp_path):
    (who := tmp_path / "ann").mkdir()
    (who / "one.json").write_bytes(demonstrations(1)[0][1].to_json())
    reading = Reading()
    assert [name for name, _ in workflows(sources(tmp_path), reading)] == ["ann"]
    assert len(list(workflows(sources(FOLDER), reading))) >= 10
    assert not reading.failed
