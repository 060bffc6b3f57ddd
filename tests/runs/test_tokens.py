"""The tokens of a dump: the text of each, its numbers in float16, lines found by step, and old runs without them."""

from __future__ import annotations

import json
import math

import pytest
from fake_run import LINES, write_run_json

from r1rl.config.flags import Config
from r1rl.config.recipes import overrides
from r1rl.records import Problem, Prompt, Rollout
from r1rl.runs.dump import GAPS, ROLLOUTS, TOKENS, Dump, append_lines, evaluation_tokens, read_lines
from r1rl.runs.resume import check_settings
from r1rl.runs.tokens import (
    Tokens,
    TokenTexts,
    gap_lines,
    halves,
    lines_of_step,
    packed_halves,
    read_tokens,
    token_line,
    token_lines,
)


class Pieces:
    """A tokenizer whose tokens are byte strings, as in byte-level BPE; `strips`: as SentencePiece at the begin of a text."""

    def __init__(self, *pieces: bytes, strips: bool = False):
        self.pieces, self.strips = [b"a", *pieces], strips

    def encode(self, text, add_special_tokens):
        return [0]

    def decode(self, ids, skip_special_tokens):
        text = b"".join(self.pieces[i] for i in ids).decode("utf-8", "replace")
        return text.removeprefix(" ") if self.strips else text


@pytest.mark.parametrize(
    ("pieces", "lengths"),
    [
        (["Let", " me"], [3, 3]),
        ([b"\xc3", b"\xa9", b"b"], [0, 1, 1]),  # an e with an accent
        ([b"x \xc3", b"\xa9y", b"\xf0\x9f", b"\x99\x82"], [2, 2, 0, 1]),  # and a face
        ([b"a", b"\xf0\x9f"], [1, 1]),  # ends within a character
        (["", "a", ""], [0, 1, 0]),  # special tokens have no text
        ([], []),
    ],
)
@pytest.mark.parametrize("strips", [False, True])
def test_each_character_belongs_to_the_token_that_completes_it(pieces, lengths, strips):
    tokenizer = Pieces(*(p if isinstance(p, bytes) else p.encode() for p in pieces), strips=strips)
    ids = range(1, len(pieces) + 1)
    text = tokenizer.decode(ids, True)
    assert TokenTexts(tokenizer).lengths(ids, text) == lengths and sum(lengths) == len(text)


def test_a_space_before_a_word_is_lost_only_at_the_begin():
    texts = TokenTexts(Pieces(b" me", strips=True))
    assert texts.lengths([1, 1], "me me") == [2, 3]
    assert texts.lengths([1, 1], " me me") == [3, 3]  # as vLLM decodes it


def test_a_text_may_end_within_the_tokens_but_not_be_another():
    texts = TokenTexts(Pieces(b"42", b"</answer>\nand", b" more"))
    assert texts.lengths([1, 2, 3], "42</answer>") == [2, 9, 0]
    assert texts.lengths([1, 2], "43</answer>") is None
    assert texts.lengths([1], "42 and more") is None


def test_numbers_are_float16_in_base64():
    assert packed_halves([-1.0, 0.5]) == "ALwAOA=="
    values = [0.0, -0.1054, -3.07, 1e-7, -12.75]
    assert halves(packed_halves(values)) == pytest.approx(values, rel=2**-11, abs=2**-25)
    assert halves(packed_halves([-math.inf, 1e6])) == (-65504.0, 65504.0)
    line = token_line(1, (0, 0), [-1.0] * 100, [4] * 100)
    assert len(line["logprobs"]) + len(line["lengths"]) <= 4 * 100 + 4


def test_a_line_has_the_tokens_after_the_prefix():
    prompt = Prompt(Problem("train/1", "Who?", "3"), "Who?<r>", (1,), "<r>")
    whole = Rollout("Who?<r>", "<r>Me.", (1,), (1, 2), (-0.5, -1.0), "stop")
    without = Rollout("Who?<r>", "<r>Me.", (1,), (1, 2), (), "stop")
    texts = TokenTexts(Pieces(b"Me", b"."))
    lines = [{"step": 2, "group": 1, "sample": i} for i in (0, 1)]
    found = list(token_lines(texts, lines, [prompt] * 2, [whole, without]))
    assert found == [{"step": 2, "group": 1, "sample": 0, "logprobs": "ALgAvA==", "lengths": "AgE="}]
    assert list(token_lines(None, lines, [prompt] * 2, [whole] * 2)) == []
    assert Tokens((-0.5, -1.0), (2, 1)).start(len("<r>Me.")) == 3
    assert token_line(1, (0, 0), [-1.0], [256])["lengths"] is None  # longer than a byte says


def test_a_step_is_found_among_damaged_and_torn_lines(tmp_path):
    path = tmp_path / "a.jsonl"
    steps = [1, 1, 2, 4, 4, 4, 7, 9, 9]
    lines = [token_line(step, (0, number), [-1.0] * number, [1] * number) for number, step in enumerate(steps)]
    raw = [json.dumps(line).encode() + b"\n" for line in lines]
    everything = {(0, number) for number in range(len(steps))}
    path.write_bytes(
        b"".join([*raw[:4], b"{damaged\n", *raw[4:7], b"\n", b"x" * 500 + b"\n", *raw[7:], b'{"step": 9, "gro'])
    )
    for step in range(11):
        expected = [number for number, own in enumerate(steps) if own == step]
        assert [key[1] for key, _ in lines_of_step(path, step, everything)] == expected, step
    assert [key for key, _ in lines_of_step(path, 4, {(0, 4)})] == [(0, 4)]
    path.write_bytes(b"")
    assert list(lines_of_step(path, 1, everything)) == []


def test_damaged_numbers_are_left_out(tmp_path):
    lines = [token_line(1, (0, number), [-1.0, -2.0], [1, 2]) for number in range(6)]
    lines[1]["logprobs"] = "no base64!"
    lines[2]["logprobs"] = "AAAA"  # a number and a half
    lines[3]["lengths"] = "AQ=="  # of one token
    del lines[4]["lengths"]
    dump = Dump(tmp_path)
    dump.add_tokens(TOKENS, lines)
    dump.add_tokens(GAPS, gap_lines(1, {0: [0.5, -0.25], 5: [0.5]}, 8))
    found = read_tokens(tmp_path, "train", 1, {(0, number) for number in range(9)})
    assert found == {(0, 0): Tokens((-1.0, -2.0), (1, 2), (0.5, -0.25)), (0, 5): Tokens((-1.0, -2.0), (1, 2))}
    assert read_tokens(tmp_path, "eval", 1, {(0, 0)}) == {}


def test_gaps_are_those_of_the_group_and_sample():
    assert [(x["group"], x["sample"]) for x in gap_lines(3, {9: [0.0], 2: [0.0]}, 8)] == [(0, 2), (1, 1)]


def test_tokens_are_cut_with_their_completions(tmp_path):
    dump = Dump(tmp_path)
    for step in (1, 2, 3, 4):
        dump.append(ROLLOUTS, [LINES[ROLLOUTS] | {"step": step}])
        dump.add_tokens(TOKENS, [token_line(step, (0, 0), [-1.0], [1])])
        dump.add_tokens(GAPS, gap_lines(step, {0: [0.5]}, 1))
        dump.evaluation(step, [LINES[ROLLOUTS] | {"step": step}], {"step": step}, [token_line(step, (0, 0), [], [])])
    with (tmp_path / TOKENS).open("a") as file:
        file.write('{"step": 4, "torn')
    again = Dump(tmp_path)
    assert len(list(read_lines(tmp_path / TOKENS))) == 4
    again.flush()
    again.cut_after(2, sampled=3)  # within a generation of two steps
    assert [x["step"] for x in read_lines(tmp_path / TOKENS)] == [1, 2, 3]
    assert [x["step"] for x in read_lines(tmp_path / GAPS)] == [1, 2]
    assert [(tmp_path / evaluation_tokens(step)).exists() for step in (1, 2, 3)] == [True, True, False]
    again.evaluation(2, [], {"step": 2})  # now without its tokens
    assert not (tmp_path / evaluation_tokens(2)).exists()


def test_a_run_of_format_1_continues_with_tokens(tmp_path):
    folder = tmp_path / "old"
    write_run_json(folder)
    described = json.loads((folder / "run.json").read_text())
    del described["config"]["token_logprobs"]
    (folder / "run.json").write_text(json.dumps(described))
    settings = {**overrides("tiny"), "dumps": str(tmp_path), "exp_name": "old", "resume": True}
    for more in ({}, {"token_logprobs": False}):
        check_settings(Config(**settings, **more), folder)  # raises nothing
    append_lines(folder / ROLLOUTS, [LINES[ROLLOUTS] | {"step": step, "schema_version": 1} for step in (1, 2)])
    dump = Dump(folder)
    assert dump.cut_after(1) == []
    dump.append(ROLLOUTS, [LINES[ROLLOUTS] | {"step": 2, "schema_version": 2}])
    dump.add_tokens(TOKENS, [token_line(2, (0, 0), [-1.0], [1])])
    assert read_tokens(folder, "train", 1, {(0, 0)}) == {}
    assert read_tokens(folder, "train", 2, {(0, 0)}) == {(0, 0): Tokens((-1.0,), (1,))}
