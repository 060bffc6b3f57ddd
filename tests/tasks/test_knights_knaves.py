"""Knights and Knaves: the solver, the generator, the public puzzles, and how an answer is read."""

from __future__ import annotations

import itertools
import os
import random
import re
import time
from pathlib import Path

import pytest
from conftest import ROOT

from r1rl.commands.pretrain.knights_knaves import read_documents
from r1rl.config.flags import Config
from r1rl.records import Problem
from r1rl.rewards.grading import grade_roles
from r1rl.rewards.grading.roles import ROLE_PAIRS, RolePair, Solution, parse_solution, read_roles, write_solution
from r1rl.system.errors import UserError
from r1rl.tasks.knights_knaves import KnightsKnaves, KnightsKnavesFolder, generate
from r1rl.tasks.knights_knaves.logic import fingerprint, parse_claims, solve, truth_table
from r1rl.tasks.registry import evaluation_subset, load_task

DATA = Path(os.environ.get("R1RL_TEST_DATA", ROOT.parent / "shared" / "data")) / "kk"
CONFIG = Config(dataset_name="knights_knaves", reward="answer-only")
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the public puzzles are not in {DATA}")


# ---- solver


def holds(claim, roles) -> bool:
    """A claim's truth, worked out in the plainest way."""
    kind, *rest = claim
    if kind == "telling-truth":
        return roles[rest[0]]
    if kind == "lying":
        return not roles[rest[0]]
    parts = [holds(c, roles) for c in rest]
    return {
        "not": lambda a: not a,
        "and": lambda a, b: a and b,
        "or": lambda a, b: a or b,
        "->": lambda a, b: not a or b,
        "<=>": lambda a, b: a == b,
    }[kind](*parts)


def plain_solve(claims) -> set[tuple[bool, ...]]:
    worlds = itertools.product((True, False), repeat=len(claims))
    return {r for r in worlds if all(holds(c, r) == r[i] for i, c in enumerate(claims))}


@pytest.mark.parametrize(
    ("claim", "table"),
    [
        (("telling-truth", 0), [False, True, False, True]),
        (("lying", 1), [True, True, False, False]),
        (("not", ("lying", 1)), [False, False, True, True]),
        (("and", ("telling-truth", 0), ("telling-truth", 1)), [False, False, False, True]),
        (("or", ("telling-truth", 0), ("telling-truth", 1)), [False, True, True, True]),
        (("->", ("telling-truth", 0), ("telling-truth", 1)), [True, False, True, True]),
        (("<=>", ("telling-truth", 0), ("telling-truth", 1)), [True, False, False, True]),
    ],
)
def test_truth_tables(claim, table):
    assert [bool(truth_table(claim, 2) >> world & 1) for world in range(4)] == table


def test_solver_agrees_with_the_plain_one_on_nested_claims():
    for people in (2, 3, 5):
        for puzzle in generate("train", 7, people, 50, depth=3):
            assert set(solve(puzzle.claims)) == plain_solve(puzzle.claims) == {puzzle.solution.roles}


def test_solver_finds_none_and_several():
    assert solve([("lying", 0)]) == []
    assert solve([("telling-truth", 1), ("telling-truth", 0)]) == [(False, False), (True, True)]


@needs_data
def test_solver_agrees_with_all_public_puzzles():
    """Loading solves each puzzle and refuses one whose only solution is not the file's."""
    pandas = pytest.importorskip("pandas")
    count = 0
    for path in sorted(DATA.glob("*/*.parquet")):
        for row in pandas.read_parquet(path, columns=["statements", "solution"]).itertuples():
            assert solve(parse_claims(row.statements)) == [tuple(row.solution)]
            count += 1
    assert count == 5000


@needs_data
def test_public_puzzles_load_as_problems():
    pandas = pytest.importorskip("pandas")
    task = load_task(Config(dataset_name="knights_knaves", reward="strict", dataset_path=str(DATA), people="3,5"))
    train, test = task.load("train"), task.load("test")
    assert len(train) == 1800 and {p.level for p in train} == {3, 5}
    assert len(test) == 500 and {p.level for p in test} == {3, 4, 5, 6, 7}
    gold = pandas.read_parquet(DATA / "5ppl" / "train.parquet")["solution_text_format"]
    assert [p.answer for p in train[900:]] == list(gold)
    assert all(grade_roles(f"<answer>{p.answer}</answer>", p, CONFIG).correct for p in train)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(('lying', 1), ('lying', 2))", "must name one person from 0 to 1"),
        ("(('lying', True),)", "must name one person"),
        ("(('xor', ('lying', 0), ('lying', 0)),)", "'xor' is not a kind of claim"),
        ("(('not', ('lying', 0), ('lying', 0)),)", "'not' joins 2 claims instead of 1"),
        ("(('and', ('lying', 0)),)", "'and' joins 1 claims instead of 2"),
        ("(0,)", "is not a claim"),
        ("((),)", "is not a claim"),
        ("[('lying', 0)]", "must be a tuple"),
        ("()", "must be a tuple"),
        ("__import__('os').getcwd()", "not a Python literal"),
        ("(('lying', 0)", "not a Python literal"),
        ("(" * 5000, "not a Python literal"),
        ("(" * 30000, "characters"),
    ],
)
def test_malformed_claims(text, message):
    with pytest.raises(ValueError, match=message):
        parse_claims(text)


# ---- generator


def test_ten_thousand_puzzles_have_exactly_one_solution():
    count = 0
    for people, wanted in {2: 1600, 3: 1600, 4: 1600, 5: 1600, 6: 1400, 7: 1200, 8: 1000}.items():
        puzzles = generate("train", 11, people, wanted)
        assert len({p.problem.question for p in puzzles}) == wanted
        for puzzle in puzzles:
            assert solve(puzzle.claims) == [puzzle.solution.roles]
            assert puzzle.problem.level == len(puzzle.claims) == people
            count += 1
    assert count == 10_000


def test_same_seed_same_puzzles_other_seed_others():
    assert generate("train", 1, 4, 30) == generate("train", 1, 4, 30)
    assert generate("train", 1, 4, 30) == generate("train", 1, 4, 60)[:30]
    questions = [{p.problem.question for p in generate("train", seed, 4, 30)} for seed in (1, 2)]
    assert not questions[0] & questions[1]


def test_no_train_puzzle_is_a_test_puzzle_of_any_seed():
    """Not even with other people in another order."""
    rng = random.Random(0)

    def shuffled(claims):
        order = list(range(len(claims)))
        rng.shuffle(order)  # person i of the new puzzle is person order[i] of the old one
        position = {old: new for new, old in enumerate(order)}

        def renamed(claim):
            return tuple(
                renamed(c) if isinstance(c, tuple) else position[c] if isinstance(c, int) else c for c in claim
            )

        return tuple(renamed(claims[old]) for old in order)

    for people in (2, 3):
        test = {fingerprint(p.claims) for s in range(5) for p in generate("test", s, people, 60)}
        train = [p.claims for s in range(5, 10) for p in generate("train", s, people, 200)]
        assert not test & {fingerprint(shuffled(claims)) for claims in train}
        assert all(fingerprint(shuffled(claims)) == fingerprint(claims) for claims in train)


def test_fingerprint_of_a_reworded_puzzle():
    a, b = ("telling-truth", 0), ("lying", 1)
    assert fingerprint((("and", a, b), a)) == fingerprint((("and", b, a), ("not", ("lying", 0))))
    assert fingerprint((("->", a, b), a)) != fingerprint((("->", b, a), a))
    assert fingerprint((a, a)) != fingerprint((b, a))
    # the split must never change: a saved run would be trained on its test
    assert fingerprint((("lying", 1), ("or", a, b))) == 3617081874964413058


def test_words_claims_and_depth_vary():
    puzzles = [p for people in (2, 5) for p in generate("train", 3, people, 300)]
    assert {p.solution.pair for p in puzzles} == set(ROLE_PAIRS)
    assert len({name for p in puzzles for name in p.solution.names}) > 30
    kinds = {claim[0] for p in puzzles for claim in p.claims}
    assert kinds == {"telling-truth", "lying", "not", "and", "or", "->", "<=>"}
    for depth in (1, 2, 3):
        claims = [claim for p in generate("train", 3, 4, 60, depth=depth) for claim in p.claims]
        assert max(map(depth_of, claims)) == depth
    roles = [role for p in puzzles for role in p.solution.roles]
    assert 0.4 < sum(roles) / len(roles) < 0.65


def test_claims_about_one_person_alone_never_do():
    atoms = [[(kind, person) for kind in ("lying", "telling-truth") for person in range(3)]] * 3
    assert all(len(solve(claims)) != 1 for claims in itertools.product(*atoms))
    with pytest.raises(ValueError, match="depth is 0"):
        generate("train", 0, 3, 1, depth=0)


def depth_of(claim) -> int:
    return 0 if isinstance(claim[1], int) else 1 + max(depth_of(c) for c in claim[1:])


def test_a_puzzle_in_full():
    puzzle = generate("train", 1, 3, 2)[1]
    problem = puzzle.problem
    assert problem.id == "train/3ppl/1" and problem.task == "knights_knaves" and problem.level == 3
    for name in puzzle.solution.names:
        assert problem.question.count(name) >= 2  # introduced, and saying something
    assert problem.question.isascii() and "{" not in problem.question
    assert parse_solution(problem.answer) == puzzle.solution
    assert len(problem.solution.splitlines()) == 3


def test_every_puzzle_grades_its_own_gold_as_right():
    task = KnightsKnaves(0, people=(2, 8), train_count=50, test_count=10)
    problems = task.load("train") + task.load("test")
    assert len(problems) == 100 + 70 and {p.level for p in problems} == {2, 3, 4, 5, 6, 7, 8}
    for problem in problems:
        assert grade_roles(f"<answer>\n{problem.answer}\n</answer>", problem, CONFIG).correct
        wrong = problem.answer.replace("(1)", "(1) it is not so that")
        assert not grade_roles(f"<answer>\n{wrong}\n</answer>", problem, CONFIG).correct


def test_missing_and_broken_folders(tmp_path):
    pytest.importorskip("pyarrow")
    with pytest.raises(UserError, match="is not a folder"):
        KnightsKnavesFolder(str(tmp_path / "no"), (3,))
    (tmp_path / "3ppl").mkdir()
    with pytest.raises(UserError, match=r"no folder 4ppl.*It has 3ppl"):
        KnightsKnavesFolder(str(tmp_path), (3, 4))
    task = KnightsKnavesFolder(str(tmp_path), (3,))
    with pytest.raises(UserError, match="is missing"):
        task.load("train")
    file = tmp_path / "3ppl" / "train.parquet"
    file.write_bytes(b"PAR1 no")
    with pytest.raises(UserError, match="not a parquet file"):
        task.load("train")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, None),
        ({"statements": "(('lying', 1), ('telling-truth', 0))"}, "0 solutions"),
        ({"solution": [False, True]}, "must be the only one"),
        ({"names": ["Zoey"]}, "2 people with different names"),
        ({"names": ["Zoey", "zoey"]}, "2 people with different names"),
        ({"names": ["Zoey", "is\n(2)"]}, "2 people with different names"),
        ({"statements": "os.exit()"}, "row 0: the claims are not a Python literal"),
        ({"knight_knave": {"knight": "cat", "knave": "dog"}}, "not among those that are graded"),
        ({"quiz": None, "names": None}, "row 0"),
    ],
)
def test_rows_of_a_folder(tmp_path, change, message):
    pandas = pytest.importorskip("pandas")
    row = {
        "quiz": "Who is what?",
        "names": ["Zoey", "Ann"],
        "knight_knave": {"knight": "knight", "knave": "knave"},
        "solution": [True, False],
        "statements": "(('lying', 1), ('and', ('lying', 0), ('lying', 1)))",
    } | change
    (tmp_path / "2ppl").mkdir()
    pandas.DataFrame([row]).to_parquet(tmp_path / "2ppl" / "train.parquet")
    task = KnightsKnavesFolder(str(tmp_path), (2,))
    if message is None:
        assert task.load("train")[0].answer == "(1) Zoey is a knight\n(2) Ann is a knave"
        return
    with pytest.raises(UserError, match=re.escape(message)):
        task.load("train")


def test_flags():
    def config(**flags):
        return Config(**({"dataset_name": "knights_knaves"} | flags))

    assert load_task(config(people="5")).people["train"] == (5,)
    assert load_task(config()).people["train"] == (3,)
    for people in ("1", "9", "2,2", "2;3", "two", "", "2,", "²"):
        with pytest.raises(UserError, match="--people"):
            config(people=people or " ")
    with pytest.raises(UserError, match="--answer-format hash finds numbers"):
        config(answer_format="hash")
    with pytest.raises(UserError, match="--reward strict grades roles"):
        Config(reward="strict")
    with pytest.raises(UserError, match="--people 5 selects puzzles"):
        Config(people="5")


# ---- reading roles. Gold: Zoey and Anna are knights, Ann and Bob are knaves ("Ann" is a part of "Anna").

GOLD = Solution(("Zoey", "Ann", "Anna", "Bob"), (True, False, True, False), RolePair("knight", "knave"))
RIGHT = (
    "(1) Zoey is a knight\n(2) Ann is a knave\n(3) Anna is a knight\n(4) Bob is a knave",
    "Zoey is a knight, Ann is a knave, Anna is a knight, and Bob is a knave.",
    "Bob is a knave. Anna is a knight. Ann is a knave. Zoey is a knight.",
    "(1) Zoey: knight\n(2) Ann: knave\n(3) Anna: knight\n(4) Bob: knave",
    "1. Zoey - Knight\n2. Ann - Knave\n3. Anna - Knight\n4. Bob - Knave",
    "1) Zoey – knight 2) Ann – knave 3) Anna – knight 4) Bob – knave",
    "Zoey = knight; Ann = knave; Anna = knight; Bob = knave",
    "Zoey=Knight,Ann=Knave,Anna=Knight,Bob=Knave",
    "Zoey -> knight, Ann -> knave, Anna -> knight, Bob -> knave",
    "Zoey → knight, Ann → knave, Anna → knight, Bob → knave",
    "Zoey (knight), Ann (knave), Anna (knight), Bob (knave)",
    "Zoey knight\nAnn knave\nAnna knight\nBob knave",
    "Zoey-knight Ann-knave Anna-knight Bob-knave",
    "knight Zoey, knave Ann, knight Anna, knave Bob",
    "| Zoey | Knight |\n|---|---|\n| Ann | Knave |\n| Anna | Knight |\n| Bob | Knave |",
    "| Person | Role |\n|---|---|\n| Zoey | knight |\n| Ann | knave |\n| Anna | knight |\n| Bob | knave |",
    '{"Zoey": "knight", "Ann": "knave", "Anna": "knight", "Bob": "knave"}',
    '{"knights": ["Zoey", "Anna"], "knaves": ["Ann", "Bob"]}',
    "Knights: Zoey, Anna; Knaves: Ann, Bob",
    "Knights: Zoey, Anna\nKnaves: Ann, Bob",
    "Knaves: Bob, Ann. Knights: Anna, Zoey.",
    "Knights: Zoey, Anna Knaves: Ann, Bob",
    "Knights = {Zoey, Anna}, Knaves = {Ann, Bob}",
    "Knights:\n- Zoey\n- Anna\n\nKnaves:\n- Ann\n- Bob",
    "**Knights**\n1. Zoey\n2. Anna\n**Knaves**\n1. Ann\n2. Bob",
    "Zoey\nknight\nAnn\nknave\nAnna\nknight\nBob\nknave",
    "The knights are Zoey and Anna. The knaves are Ann and Bob.",
    "The knights are Zoey and Anna, and the knaves are Ann and Bob.",
    "The knaves are Ann and Bob; Zoey and Anna are knights.",
    "Both Zoey and Anna are knights, and both Ann and Bob are knaves.",
    "Zoey and Anna are knights while Ann and Bob are knaves.",
    "Zoey & Anna are knights. Ann & Bob are knaves.",
    "Zoey/Anna: knight; Ann/Bob: knave",
    "Zoey and Anna are both knights; Ann and Bob are both knaves.",
    "Zoey is a knight and the knaves are Ann and Bob. Anna is a knight.",
    "Zoey and Anna are knights. The others are knaves.",
    "Zoey and Anna are knights; the rest are knaves.",
    "Ann and Bob are knaves and everyone else is a knight.",
    "Ann and Bob are knaves, the other two are knights.",
    "Ann: knave. Bob: knave. The remaining people are knights.",
    "Zoey and Anna are knights, all others are knaves.",
    "Zoey is not a knave. Ann is not a knight. Anna is not a knave. Bob is not a knight.",
    "Zoey isn't a knave, Ann isn't a knight, Anna isn't a knave, Bob isn’t a knight",
    "Zoey is no knave, Ann is no knight, Anna is a knight, Bob is a knave",
    "Zoey cannot be a knave. Ann can't be a knight. Anna is a knight. Bob is a knave.",
    "Neither Zoey nor Anna is a knave. Neither Ann nor Bob is a knight.",
    "Zoey is a knight, not a knave. Ann is a knave, not a knight. Anna: knight. Bob: knave.",
    "Zoey is a knight (not a knave); Ann is a knave (liar); Anna is a knight; Bob is a knave",
    "ZOEY IS A KNIGHT. ANN IS A KNAVE. ANNA IS A KNIGHT. BOB IS A KNAVE.",
    "zoey is a Knight\nann is a Knave\nanna is a kNIGHT\nbob is a KNAVE",
    "**Zoey** is a **knight**, **Ann** is a **knave**, **Anna** is a **knight**, **Bob** is a **knave**",
    "_Zoey_: `knight`\n_Ann_: `knave`\n_Anna_: `knight`\n_Bob_: `knave`",
    "- **Zoey:** Knight\n- **Ann:** Knave\n- **Anna:** Knight\n- **Bob:** Knave",
    "* Zoey is a knight!\n* Ann is a knave!\n* Anna is a knight!\n* Bob is a knave!",
    "\\text{Zoey}: \\textbf{knight}, \\text{Ann}: \\textbf{knave}, Anna: knight, Bob: knave",
    "“Zoey” is a “knight”, “Ann” is a “knave”, “Anna” is a “knight”, “Bob” is a “knave”",
    "Zoey's role: knight; Ann's role: knave; Anna's role: knight; Bob's role: knave",
    "Zoey is the knight, Ann is the knave, Anna is another knight, and Bob is another knave",
    "Zoey is a truth-teller, Ann is a liar, Anna is a truth teller, Bob is a liar",
    "Zoey always tells the truth. Ann always lies. Anna tells the truth. Bob is lying.",
    "Final answer: Zoey is a knight, Ann is a knave, Anna is a knight, Bob is a knave",
    "Therefore Zoey must be a knight, Ann must be a knave, Anna must be a knight, Bob must be a knave.",
    "There are two knights and two knaves.\nZoey: knight\nAnn: knave\nAnna: knight\nBob: knave",
    "The roles of Zoey, Ann, Anna and Bob:\nZoey: knight\nAnn: knave\nAnna: knight\nBob: knave",
    "Zoey is a knight.Ann is a knave.Anna is a knight.Bob is a knave.",
    "   Zoey   is  a\tknight  \r\n Ann is a knave\r\nAnna is a knight\r\nBob is a knave  ",
    "Zoey is knight, Ann is knave, Anna is knight, Bob is knave",
    "Zoey: Knight ✓ Ann: Knave ✓ Anna: Knight ✓ Bob: Knave ✓",
    "Since Zoey is a knight, Ann is a knave; so Anna is a knight and Bob is a knave.",
)
WRONG = (
    # the roles themselves
    "Zoey is a knave, Ann is a knave, Anna is a knight, Bob is a knave",
    "Zoey is a knight, Ann is a knight, Anna is a knave, Bob is a knave",
    "All are knights.",
    "Everybody is a knave.",
    "None of them is a knave.",
    "Knights: none. Knaves: Zoey, Ann, Anna, Bob",
    "Neither Zoey nor Anna is a knight. Ann and Bob are knaves.",
    "Zoey is not a knight, Ann is a knave, Anna is a knight, Bob is a knave",
    "It is not true that Zoey is a knight. Ann is a knave. Anna is a knight. Bob is a knave.",
    # somebody is missing
    "Zoey is a knight, Anna is a knight, Bob is a knave",
    "Zoey is a knight",
    "Zoey is a knight, Ann is a knave, Anna is a knight, and Bob",
    "Zoey is a knight, Ann is a knave, Anna is a knight, Bob is a kna",
    "Zoey is a knight, Anna is a knave, Hanna is a knight, Bob is a knave",
    "Zoe is a knight, Ann is a knave, Anna is a knight, Bob is a knave",
    "Zoey and Anna are knights.",
    "There are two knights, Zoey among them.",
    # named twice
    "Zoey is a knight, Ann is a knave, Anna is a knight, Bob is a knave, Zoey is a knight",
    "Zoey is a knight, Ann is a knave, Anna is a knight, Bob is a knave, Zoey is a knave",
    "Zoey is a knave. Zoey is a knight. Ann is a knave. Anna is a knight. Bob is a knave.",
    "Knights: Zoey, Anna, Ann; Knaves: Ann, Bob",
    "Zoey, Anna and Zoey are knights; Ann and Bob are knaves",
    "Zoey and Anna are knights, Ann and Bob are knaves. All are knights.",
    "Zoey is a knight. Anna is a knight. Everyone else is a knave. Bob is a knave. Ann is a knave.",
    # both roles, or in doubt
    "Zoey is a knight or a knave, Ann is a knave, Anna is a knight, Bob is a knave",
    "Zoey is a knight and a knave, Ann is a knave, Anna is a knight, Bob is a knave",
    "Zoey: knight/knave\nAnn: knave\nAnna: knight\nBob: knave",
    "Zoey is neither a knight nor a knave. Ann is a knave. Anna is a knight. Bob is a knave.",
    "Zoey is either a knight, Ann is a knave, Anna is a knight, Bob is a knave",
    "Zoey is a knight, Ann is a knave, Anna is a knight, Bob is a knave; or Bob is a knight",
    "Zoey is a knight, Ann is a knave, Anna is a knight, Bob is a knave, or the other way round",
    "If Zoey is a knight then Ann is a knave, Anna is a knight and Bob is a knave",
    "Zoey might be a knight, Ann is a knave, Anna is a knight, Bob is a knave",
    "Maybe Zoey is a knight. Ann is a knave. Anna is a knight. Bob is a knave.",
    "Is Zoey a knight? Ann is a knave. Anna is a knight. Bob is a knave.",
    "Zoey: knight? Ann: knave. Anna: knight. Bob: knave.",
    "Suppose Zoey is a knight. Ann is a knave. Anna is a knight. Bob is a knave.",
    "Zoey is a knight. Ann is a knave. Anna is a knight. Bob says Zoey is a knave.",
    "Zoey says Ann is a knave. Anna is a knight. Bob is a knave.",
    "Zoey is a knight, no wait, a knave. Ann is a knave. Anna is a knight. Bob is a knave.",
    "Zoey is a knight. Actually she is a knave. Ann is a knave. Anna is a knight. Bob is a knave.",
    "Zoey is a knight. She is a knave. Ann is a knave. Anna is a knight. Bob is a knave.",
    "It is false that Zoey is a knave. Ann is a knave. Anna is a knight. Bob is a knave.",
    "All but Zoey are knaves. Anna is a knight.",
    "Everyone except Zoey is a knave.",
    "Not Bob but Zoey and Anna are knights. Ann and Bob are knaves.",
    "Zoey: Knight ✓ Ann: Knave ✗ Anna: Knight ✓ Bob: Knave ✗",
    # negated by sign, prefix or verb; hedged; frequency; conditions; relatives; taken back
    "Zoey ≠ knave, Ann = knave, Anna = knight, Bob = knave",
    "Zoey is ¬knave, Ann is a knave, Anna is a knight, Bob is a knave",
    "Zoey is a non-knave, Ann is a knave, Anna is a knight, Bob is a knave",
    "Zoey is an anti-knight, Ann is a knave, Anna is a knight, Bob is a knave",
    "Zoey denies being a knight; Ann is a knave; Anna is a knight; Bob is a knave",
    "I deny that Zoey is a knight. Ann is a knave. Anna is a knight. Bob is a knave.",
    "Zoey is hardly a knight. Ann is a knave. Anna is a knight. Bob is a knave.",
    "Zoey is allegedly a knight. Ann is a knave. Anna is a knight. Bob is a knave.",
    "Zoey sometimes tells the truth. Ann lies. Anna tells the truth. Bob lies.",
    "Zoey rarely lies. Ann lies. Anna tells the truth. Bob lies.",
    "Zoey is a knight iff Ann is a knave, Anna is a knight, Bob is a knave",
    "Zoey is a knight => Ann is a knave, Anna is a knight, Bob is a knave",
    "Provided Zoey is a knight, Ann is a knave, Anna is a knight, Bob is a knave",
    "Unless Zoey is a knight, Ann is a knave, Anna is a knight, Bob is a knave",
    "Zoey's brother is a knight, Ann is a knave, Anna is a knight, Bob is a knave",
    "The friend of Zoey is a knight, Ann is a knave, Anna is a knight, Bob is a knave",
    "Zoey is a knight, Ann is a knave, Anna is a knight, Bob is a knave. All of this is wrong.",
    "The following is false. Zoey is a knight, Ann is a knave, Anna is a knight, Bob is a knave.",
    "Zoey knight: no, Ann knave: yes, Anna knight: no, Bob knave: yes",
    "Zoey is a knight (or so she says), Ann is a knave, Anna is a knight, Bob is a knave",
    "There are three knights and one knave.\nZoey: knight\nAnn: knave\nAnna: knight\nBob: knave",
    # not to be paired
    "Zoey, Ann, Anna and Bob are knight, knave, knight and knave",
    "Knights and knaves: Zoey, Ann, Anna, Bob",
    "Knights, knaves: Zoey, Anna, Ann, Bob",
    "Zoey is a knight and so is Anna. Ann and Bob are knaves.",
    "Zoey is a knight, Anna, knaves: Ann, Bob",
    "Zoey, Ann, Anna and Bob: who is a knight?",
)
UNREADABLE = (
    "",
    "   \n ",
    "knight, knave, knight, knave",
    "Zoey, Ann, Anna, Bob",
    "I like turtles",
    "(1) (2) (3) (4)",
    "Carl is a knight, Dora is a knave",
    "42",
    "Zoey is a kight, Ann is a knve",
    "There are two knights and two knaves.",
    "TFTF",
    "...",
)
PROBLEM = Problem("test/0", "?", write_solution(GOLD), task="knights_knaves", answer_type="knights_knaves", level=4)
TABLE = [(t, v) for v, ts in (("right", RIGHT), ("wrong", WRONG), ("unreadable", UNREADABLE)) for t in ts]


def verdict(completion: str, problem: Problem = PROBLEM) -> str:
    grade = grade_roles(completion, problem, CONFIG)
    assert not (grade.correct and grade.value is None)
    return "right" if grade.correct else "unreadable" if grade.value is None else "wrong"


def test_the_table_is_long_enough():
    assert len(TABLE) == len({text for text, _ in TABLE}) >= 120


@pytest.mark.parametrize(("answer", "expected"), TABLE)
def test_answers(answer, expected):
    assert verdict(f"<reasoning>Hm.</reasoning>\n<answer>{answer}</answer>") == expected


@pytest.mark.parametrize("pair", ROLE_PAIRS)
def test_answers_in_other_words(pair):
    solution = Solution(("Ada", "Leo"), (True, False), pair)
    problem = Problem(
        "test/1", "?", write_solution(solution), task="knights_knaves", answer_type="knights_knaves", level=2
    )
    truths, lies = (f"{w}es" if w.endswith("o") else f"{w}s" for w in pair)
    for text in (problem.answer, f"{truths}: Ada; {lies}: Leo", "Ada is a truth-teller, Leo is a liar"):
        assert verdict(f"<answer>{text}</answer>", problem) == "right"
    assert verdict(f"<answer>Ada is no {pair.lie}, Leo is not a {pair.lie}</answer>", problem) == "wrong"
    strange = "Ada is a knight, Leo is a knave" if pair.truth != "knight" else "Ada is a saint, Leo a sinner"
    assert verdict(f"<answer>{strange}</answer>", problem) == "unreadable"


GOOD, BAD = "Zoey and Anna are knights. Ann and Bob are knaves.", "All are knights."


@pytest.mark.parametrize(
    ("completion", "expected"),
    [
        # the last complete tag counts
        (f"<answer>{BAD}</answer><answer>{GOOD}</answer>", "right"),
        (f"<answer>{GOOD}</answer><answer>{BAD}</answer>", "wrong"),
        (f"<answer>{GOOD}</answer> Or: {BAD}", "right"),
        (f"<answer>{GOOD}</answer><answer>{BAD}", "right"),
        (f"{GOOD}<answer>I like turtles</answer>", "unreadable"),
        (f"{GOOD}<answer></answer>", "unreadable"),
        # without one, the last statement
        (GOOD, "right"),
        (f"<reasoning>Hm.</reasoning>{GOOD}", "right"),
        (f"<reasoning>Hm.</reasoning><answer>{GOOD}", "right"),
        (f"Hm. If Zoey is a knave then Ann is a knight, which fails. So {GOOD}", "right"),
        ("Hm.\n(1) Zoey is a knight\n(2) Ann is a knave\n(3) Anna is a knight\n(4) Bob is a knave\n", "right"),
        ("Hm.\nKnights:\n- Zoey\n- Anna\nKnaves:\n- Ann\n- Bob\n", "right"),
        (f"{BAD} {GOOD}", "unreadable"),  # candidates, one after the other
        (f"Hm. {BAD} That fails. {GOOD}", "right"),
        (f"{GOOD} {GOOD}", "right"),
        (f"{GOOD} {BAD}", "unreadable"),
        # a hypothesis is no statement
        (f"Suppose {GOOD}", "unreadable"),
        ("Suppose Zoey is a knight. Anna is a knight. Ann and Bob are knaves.", "unreadable"),
        (f"Try this: {GOOD}", "unreadable"),
        (f"If {GOOD}", "unreadable"),
        (f"{GOOD} That is a contradiction.", "unreadable"),
        (f"{GOOD} Is that so?", "unreadable"),
        (f"{GOOD} Let me check Bob: he says that Ann is a knight.", "unreadable"),
        ("Zoey is a knight. Hm. Anna is a knight. Ann and Bob are knaves.", "unreadable"),
        ("Case 1: Zoey and Anna are knights, Ann and Bob are knaves.", "unreadable"),
        ("Zoey and Anna would be knights, Ann and Bob knaves.", "unreadable"),
        ("Zoey says Ann is a knave, so Zoey and Anna are knights", "unreadable"),
        (f"<reasoning>{GOOD}</reasoning>", "unreadable"),
        (f"<reasoning>{GOOD}</reasoning><answer>", "unreadable"),
        ("", "unreadable"),
    ],
)
def test_where_the_answer_is(completion, expected):
    assert verdict(completion) == expected


@pytest.mark.parametrize(
    "hostile",
    [
        "Zoey is a knight, " * 20_000,
        "not " * 50_000 + "knight",
        "no" + " " * 200_000 + "x",
        "the other " * 40_000,
        "truth" + "-" * 200_000,
        "<answer>" * 30_000,
        "Zoey\n" * 40_000,
        "\n" * 200_000,
        "knight " * 40_000,
        "?" * 200_000,
        "n't " * 50_000,
        "ſ" * 1000 + " İı K Zoey",
        "Annannann" * 20_000,
    ],
)
def test_hostile_texts_take_little_time(hostile):
    start = time.process_time()
    for completion in (hostile, f"<answer>{hostile}</answer>"):
        assert verdict(completion) != "right"
    read_roles(hostile, GOLD.names, GOLD.pair)
    assert time.process_time() - start < 1.5


def test_votes_for_the_same_roles_are_equal():
    values = {grade_roles(f"<answer>{text}</answer>", PROBLEM, CONFIG).value for text in RIGHT}
    assert values == {"Zoey: knight, Ann: knave, Anna: knight, Bob: knave"}


@pytest.mark.parametrize("text", ["", "Zoey is a knight", "(1) Zoey is a cat", "(1) Zoey is a knight\n(2) A is a liar"])
def test_malformed_gold(text):
    with pytest.raises(ValueError, match="gold answer"):
        parse_solution(text)


# ---- documents for a tiny base model


def test_documents_show_every_habit_and_can_be_graded():
    documents = list(read_documents(3, 600))
    assert documents == list(read_documents(3, 600)) and len(documents) == 600
    texts = [d.completion for d in documents]
    assert 0.55 < sum("I think I see it." in t for t in texts) / 600 < 0.7
    for sign in ("Try ", "It fits.", "To check: ", "\n<reasoning>"):
        assert any(sign in t for t in texts), sign
    assert 0.05 < sum("</answer>" not in t for t in texts) / 600 < 0.15
    assert max(map(len, texts)) < 1100


def test_going_case_by_case_is_right_more_often_than_a_guess():
    from r1rl.commands.pretrain.knights_knaves import write_document

    rng, right = random.Random(1), {True: [], False: []}
    for puzzle in generate("train", 5, 2, 500):
        document = write_document(puzzle, rng)
        result = grade_roles(document.completion, puzzle.problem, CONFIG)
        assert result.value is not None, document.completion
        right["Try " in document.completion].append(result.correct)
    cases, guesses = (sum(right[key]) / len(right[key]) for key in (True, False))
    assert cases > 0.85 and 0.2 < guesses < 0.5


# ---- evaluation


def test_the_evaluation_asks_each_number_of_people_equally_often():
    problems = KnightsKnaves(1, test_count=20).load("test")
    chosen = evaluation_subset(problems, 37, seed=5)
    assert [sum(p.level == n for p in chosen) for n in range(2, 9)] == [6, 6, 5, 5, 5, 5, 5]
    assert len({p.id for p in chosen}) == 37
    assert evaluation_subset(problems, 37, seed=5) == chosen
    assert evaluation_subset(problems, 37, seed=6) != chosen
    assert evaluation_subset(problems, 0, seed=5) == evaluation_subset(problems, 140, seed=5) == problems


def test_levels_of_few_problems_give_way_to_the_others():
    problems = KnightsKnaves(1, test_count=4).load("test")[3:]  # one with 2 people, four of each other number
    chosen = evaluation_subset(problems, 20, seed=5)
    assert [sum(p.level == n for p in chosen) for n in range(2, 9)] == [1, 4, 3, 3, 3, 3, 3]
