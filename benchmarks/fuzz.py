"""Fuzzes all parsers of model outputs and files, guided by coverage: no crash, no hang, no false "correct".

usage: pip install atheris && python benchmarks/fuzz.py [SECONDS FOR EACH TARGET, default 30] [TARGET...]
       python benchmarks/fuzz.py --random SECONDS TARGET...   (without atheris: random inputs, every failure is printed)

Each target runs in its own process on two kinds of input in turn: random text, and pieces of the forms that the parsers
look for. Prints a Markdown table; a crash or an input over ten seconds is printed with its bytes.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
SLOW = 10  # seconds for one input; it is a hang
LONGEST = 4096  # bytes of an input
PIECES = (
    "<answer>", "</answer>", "<reasoning>", "</reasoning>", "<think>", "####", "\\boxed{", "\\frac{1}{2}", "}", "{", "$",
    "\\text{", "^{", "\\dfrac", "\\times", "answer is ", "the ", " = ", "so ", "check: ", "Wait, ", "half of ", "\n", " ",
    ", ", ".", "%", "x", "\x00", "\udc80", "\u202e", "²", "½", "٣", "一", "safe", "unsafe", "not ", "if ", "knight",
    "knave", "Zoey", "Ann", " and ", "are both ", "(1) ", "the rest ", "either ", "a liar", "-", "−", "e9", "∞", "nan",
    "12", "1,000", "7.5", "3/4", "731", "(", ")", "[", "]", "*", "/", "+", "'lying', 0", "'not', ", "{\"step\": 1}", "null",
    "\"completion\": \"", "[[[[", "1e999", "NaN", ";", "!", "?", "'", "\"", "https://", "token=", "@", "hf_",
)  # fmt: skip


def texts(data: bytes) -> str:
    """Returns an input as text: half of the inputs are decoded, half are made of pieces."""
    if data[:1] < b"\x80":
        return data[1:].decode("utf-8", "surrogateescape")
    return "".join(PIECES[i % len(PIECES)] if i < 224 else chr(i - 224 + 40) for i in data[1:])


def numbers() -> Callable[[bytes], None]:
    from r1rl.config.flags import ANSWER_FORMATS
    from r1rl.rewards.grading.numbers import extract, grade, normalise, parse_gold

    def run(data: bytes) -> None:
        text = texts(data)
        digits = {int(c) for c in text if c.isdecimal()}
        for form in ANSWER_FORMATS:
            for comma in (True, False):
                if not digits & {4, 6}:
                    assert not grade(text, "46", answer_format=form, remove_comma=comma).correct
                grade(text, "3/4", answer_format=form, remove_comma=comma, tolerance=0.1)
            extract(text, form)
        value = normalise(text)
        assert value is None or normalise(value) == value
        suppressed(parse_gold, text)

    return run


class Draws:
    """Choices that the bytes of an input make."""

    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def number(self, below: int) -> int:
        """The next number from 0 to below - 1."""
        value = int.from_bytes(self.data[self.at : self.at + 2], "big")
        self.at += 2
        return value % below

    def of(self, options: Sequence) -> Any:
        """The next of some options."""
        return options[self.number(len(options))]


def attacks() -> Callable[[bytes], None]:
    """Numbers: a string with the right answer and something that changes its meaning is never paid; a plain one is."""
    from helpers import attacks as table

    from r1rl.rewards.grading.numbers import grade

    questions = (
        "",
        "Find the apples, more than half of the dozen eggs, at least twice, that Tom does not have, or never had.",
    )
    natural = [t for t in table.NATURAL if "\n" not in t]

    def run(data: bytes) -> None:
        draw = Draws(data)
        gold = str(10 + draw.number(2000))
        fill = {"m": str(3 + draw.number(7)), "w": draw.of(("seven", "two", "nineteen", "forty"))}
        way, nest, question = draw.of(natural), draw.of(table.NESTS), draw.of(questions)
        right = way.format(n=gold)
        assert grade(f"<answer>{right}</answer>", gold, question=question).correct, right
        kind = draw.number(3)
        if kind == 0:
            text = nest.format(draw.of(table.WRONG_NUMBERS).format(n=gold, **fill))
        elif kind == 1:
            plain_way = draw.of(("{n}", "{n} apples", "**{n}**", "${n}", "({n})", "\\boxed{{{n}}}", "{n}.0", "`{n}`"))
            text = draw.of(table.WRONG_NUMBERS).format(n=plain_way.format(n=gold), **fill)
        else:
            words = right.split(" ")
            words.insert(draw.number(len(words) + 1), draw.of([w for w in table.BAD_WORDS if w != "times"]))
            text = " ".join(words)
            if re.search(r"\b[kM] = |left over", text):  # a variable, a phrase
                return
        for form, shown in (("tag", f"<answer>{text}</answer>"), ("hash", f"#### {text}"), ("auto", text)):
            graded = grade(shown, gold, form, question=question)
            asked = form == "auto" and ("?" in text or ("boxed" in text and re.search(r"[=;]|boxed.*boxed", text)))
            several = (form != "tag" and ("\n" in text or "Next" in text)) or (
                kind == 1 and (text.count(gold) > 1 or "!" in text)
            )
            assert not graded.correct or asked or several, (form, text, gold, graded)

    return run


def latex_attacks() -> Callable[[bytes], None]:
    """LaTeX: the same."""
    from helpers import attacks as table

    from r1rl.rewards.grading.latex import MathGrader

    grader = MathGrader(deadline=2.0)

    def run(data: bytes) -> None:
        draw = Draws(data)
        gold, m = str(11 + draw.number(500)), str(3 + draw.number(7))
        right = draw.of(table.RIGHT_LATEX).format(n=gold)
        assert grader.grade(gold, right).correct, right
        if draw.number(2):
            text = draw.of(table.WRONG_LATEX).format(n=gold, m=m)
        else:
            bad, place = draw.of(table.BAD_LATEX), right.find(gold)
            place += len(gold) if draw.number(2) else 0
            text = right[:place] + bad + right[place:]
        assert not grader.grade(gold, text).correct, (gold, text)

    return run


def role_attacks() -> Callable[[bytes], None]:
    """Knights and Knaves, choices and countdown: the same."""
    from helpers import attacks as table

    from r1rl.config.flags import Config
    from r1rl.records import Problem, Rollout
    from r1rl.rewards.grading import grade_rollout

    config = Config(model_name="tiny")
    says = ("Ruth is a knight.", "Omar is a knave.", "Ida is a knight.")
    roles = (("Ruth", "knight", "knave"), ("Omar", "knave", "knight"), ("Ida", "knight", "knave"))
    gold = "(1) Ruth is a knight\n(2) Omar is a knave\n(3) Ida is a knight"

    def right(text: str, answer: str, kind: str) -> bool:
        problem = Problem("0", "", answer, answer_type=kind)
        return grade_rollout(Rollout("", f"<answer>{text}</answer>", (), (), (), "stop"), problem, config).correct

    def run(data: bytes) -> None:
        draw = Draws(data)
        i = draw.number(3)
        name, role, other = roles[i]
        rest = " ".join(says[:i] + says[i + 1 :])
        attack = draw.of(table.WRONG_ROLES).format(right=" ".join(says), name=name, role=role, other=other, rest=rest)
        assert not right(attack, gold, "knights_knaves"), attack
        words = " ".join(says).split(" ")
        words.insert(draw.number(len(words) + 1), draw.of([w for w in table.BAD_WORDS if w not in ("but", "+")]))
        assert not right(" ".join(words), gold, "knights_knaves"), words
        a, b = draw.of(("AB", "BA", "BC", "DC"))
        assert not right(draw.of(table.WRONG_CHOICES).format(a=a, b=b), a, "choice")
        assert right(draw.of(table.RIGHT_CHOICES).format(a=a), a, "choice")
        assert not right(draw.of(table.WRONG_COUNTDOWN), "98 from 19 35 44", "countdown")
        assert right(draw.of(table.RIGHT_COUNTDOWN), "98 from 19 35 44", "countdown")

    return run


def roles() -> Callable[[bytes], None]:
    from r1rl.config.flags import Config
    from r1rl.records import Problem
    from r1rl.rewards.grading import grade_roles
    from r1rl.rewards.grading.roles import ROLE_PAIRS, Solution, parse_solution, read_roles, write_solution

    solution = Solution(("Zoey", "Ann", "Bob"), (True, False, True), ROLE_PAIRS[0])
    problem = Problem("0", "?", write_solution(solution), task="knights_knaves", answer_type="knights_knaves", level=3)
    config = Config(model_name="tiny")

    def run(data: bytes) -> None:
        text = texts(data)
        if grade_roles(text, problem, config).correct:
            assert re.search("zoey|ann|bob", text, re.IGNORECASE)
        read_roles(text, solution.names, ROLE_PAIRS[3])
        read_roles(text, tuple(dict.fromkeys(text.split()[:8])) or ("x",), ROLE_PAIRS[0])
        suppressed(parse_solution, text)

    return run


def claims() -> Callable[[bytes], None]:
    from r1rl.tasks.knights_knaves.logic import fingerprint, parse_claims, solve

    def run(data: bytes) -> None:
        read = suppressed(parse_claims, texts(data))
        if read is not None and len(read) < 6:
            solve(read)
            fingerprint(read)

    return run


def checks() -> Callable[[bytes], None]:
    from r1rl.reports.arithmetic import find_equations
    from r1rl.reports.selfcheck import ANNOUNCED, find_check

    def run(data: bytes) -> None:
        text = texts(data)
        for answer in (None, "731", "12"):
            check = find_check(text, answer, answer == "12")
            assert check is None or 0 <= check.start <= check.end <= len(text)
        find_equations(text)
        ANNOUNCED.search(text)

    return run


def verdicts() -> Callable[[bytes], None]:
    from r1rl.records import reasoning_text
    from r1rl.rewards.grading.answer import plain
    from r1rl.rewards.grading.verdict import find_verdict

    def run(data: bytes) -> None:
        text = texts(data)
        verdict = find_verdict(text)
        assert verdict is None or "safe" in re.sub(r"[*_`\"“”]", "", plain(text).lower())
        reasoning_text(text, "reasoning")

    return run


def rewards() -> Callable[[bytes], None]:
    from r1rl.config.flags import Config
    from r1rl.records import Problem, Rollout
    from r1rl.rewards.weighted import load_reward

    names = ("correctness", "format", "reasoning_steps", "cosine", "repetition_penalty", "language", "rules",
             "cot-heuristics", "cot-concise")  # fmt: skip
    config = Config(model_name="tiny", reward="accuracy,format")
    loaded = {name: load_reward(name, config) for name in names}
    problem = Problem("0", "What is it?", "46", task="word-problems")

    def run(data: bytes) -> None:
        text = texts(data)
        ids = tuple(range(len(text)))
        rollout = Rollout("What is it?", text, (1,), ids, (-0.1,) * len(ids), "stop")
        for name, reward in loaded.items():
            value = reward(rollout, problem)
            assert value is None or -100 < value < 100, name

    return run


def latex() -> Callable[[bytes], None]:
    from r1rl.rewards.grading import math_answer
    from r1rl.rewards.grading.answer import is_readable
    from r1rl.rewards.grading.latex import exact, trim

    def run(data: bytes) -> None:
        text = texts(data)
        answer = math_answer(text)
        verdict = exact("4711", answer)
        if verdict is not None and verdict.correct:
            assert "4" in text or any(c.isdecimal() and int(c) == 4 for c in text)
        exact(text, answer)
        is_readable(trim(text))

    return run


def dumps() -> Callable[[bytes], None]:
    from r1rl.reports.completions import Filter, read_completions
    from r1rl.reports.survey import survey
    from r1rl.runs.dump import ROLLOUTS, keep_lines, numbered_lines, read_lines, repair
    from r1rl.runs.run_data import RunData

    folder = Path(tempfile.mkdtemp())
    path = folder / ROLLOUTS

    def run(data: bytes) -> None:
        path.write_bytes(data if data[:1] < b"\x80" else texts(data).encode("utf-8", "replace"))
        damaged: list[str] = []
        list(numbered_lines(path, damaged))
        list(read_completions(folder, Filter(), damaged))
        survey(RunData(folder))
        repair(path)
        keep_lines(path, 1, damaged)
        assert all(line["step"] <= 1 for line in read_lines(path))

    return run


def files() -> Callable[[bytes], None]:
    from r1rl.commands.grade import read_rows
    from r1rl.system.errors import UserError
    from r1rl.tasks.conversations import conversation
    from r1rl.tasks.gsm8k import problem_from_row as gsm8k_row
    from r1rl.tasks.math import problem_from_row as math_row

    folder = Path(tempfile.mkdtemp())

    def run(data: bytes) -> None:
        path = folder / ("a.jsonl" if len(data) % 2 else "a.csv")
        path.write_bytes(data)
        try:
            for row in read_rows(path):
                suppressed(gsm8k_row, row, "train", 0, "here")
                suppressed(math_row, row, "train/0", "here")
                suppressed(conversation, row, "here", "think")
        except UserError:
            return

    return run


def secrets() -> Callable[[bytes], None]:
    from r1rl.system.redact import redact

    token = "hf_" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9b"

    def run(data: bytes) -> None:
        text = texts(data)
        assert token not in redact(f"{text} {token} {text}", {})

    return run


TARGETS = {
    f.__name__: f
    for f in (
        numbers,
        attacks,
        latex_attacks,
        role_attacks,
        roles,
        claims,
        checks,
        verdicts,
        rewards,
        latex,
        dumps,
        files,
        secrets,
    )
}


def suppressed(function: Callable, *arguments: object) -> object:
    """Returns the function's result, or None if it rejects the input."""
    from r1rl.system.errors import UserError

    try:
        return function(*arguments)
    except (ValueError, UserError):
        return None


def fuzz(name: str, seconds: int) -> None:
    """Fuzzes one target in this process, which libFuzzer ends."""
    import atheris

    with atheris.instrument_imports(include=["r1rl"]):
        run = TARGETS[name]()
    corpus = tempfile.mkdtemp()
    seeds = ["<answer>46</answer>", "So 3 + 4 = 7. Check: 7 - 4 = 3.\n#### 7", "(1) Zoey is a knight\n(2) Ann is a knave",
             "\\boxed{\\frac{3}{4}}", "(('lying', 1), ('and', ('lying', 0), ('lying', 1)))", '{"step": 1, "tokens": 2}\n',
             "question,answer\nx,#### 3\n", "The request is not safe: unsafe"]  # fmt: skip
    for i, seed in enumerate(seeds):
        (Path(corpus) / str(i)).write_bytes(b"\x00" + seed.encode())
    arguments = [sys.argv[0], f"-max_total_time={seconds}", f"-timeout={SLOW}", f"-max_len={LONGEST}", "-seed=1",
                 "-rss_limit_mb=4096", f"-artifact_prefix={corpus}/", "-print_final_stats=1", corpus]  # fmt: skip
    atheris.Setup(arguments, run)
    atheris.Fuzz()


def fuzz_at_random(name: str, seconds: float, most: int = 40) -> int:
    """One target on random inputs without atheris; prints each failure once, at most `most`. Returns how many there were."""
    run, rng, count, failures = TARGETS[name](), random.Random(name), 0, set()
    until = time.monotonic() + seconds
    while time.monotonic() < until and len(failures) < most:
        count += 1
        try:
            run(rng.randbytes(24))
        except AssertionError as error:
            if str(error) not in failures:
                failures.add(str(error))
                print(f"{name}: {error}", flush=True)
    print(f"| {name} | {count:,} | {len(failures)} failures |", flush=True)
    return len(failures)


def main() -> int:
    """Prints a row for each target. Returns 1 where one has failed."""
    if sys.argv[1:2] == ["--random"]:
        return int(sum(fuzz_at_random(name, float(sys.argv[2])) for name in sys.argv[3:]) > 0)
    if sys.argv[1:2] == ["--target"]:
        fuzz(sys.argv[2], int(sys.argv[3]))
        return 0
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    names = sys.argv[2:] or list(TARGETS)
    print("| target | executions | places covered | slowest input, s | result |\n| --- | --- | --- | --- | --- |")
    failed = 0
    for name in names:
        command = [sys.executable, __file__, "--target", name, str(seconds)]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        stats = dict(re.findall(r"stat::(\w+):\s+(\d+)", done.stderr))
        covered = re.findall(r"cov: (\d+)", done.stderr)[-1:] or ["?"]
        failed += done.returncode != 0
        print(
            f"| {name} | {int(stats.get('number_of_executed_units', 0)):,} | {covered[0]} | "
            f"{stats.get('slowest_unit_time_sec', '?')} | {'crash' if done.returncode else 'none'} |",
            flush=True,
        )
        if done.returncode:
            print(json.dumps((done.stdout + done.stderr[-1000:])[-4000:]))
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
