"""The text around a box: Markdown and free sentences change nothing, and what changes the answer is refused."""

from __future__ import annotations

import pytest

from r1rl.config.flags import Config
from r1rl.records import Problem, Rollout
from r1rl.rewards.grading import grade_rollout

QUESTION = "A bakery sells 12 muffins an hour for 6 hours. How many muffins does it sell?"


def right(text: str, kind: str, answer: str = "72") -> bool:
    problem = Problem("0", QUESTION, answer, answer_type=kind)
    return grade_rollout(Rollout("", text, (), (), (), "stop"), problem, Config(answer_format="boxed")).correct


MARKED = (
    r"**\boxed{72}**", r"**$\boxed{72}$** muffins", r"**Answer:** \boxed{72}", r"**Answer: $\boxed{72}$**", r"***\boxed{72}***",
    r"**Final Answer:** **\boxed{72}**", r"*\boxed{72}*", r"__\boxed{72}__", r"**\(\boxed{72}\)**", r"**\boxed{72} muffins**",
    r"<b>\boxed{72}</b>", r"\boxed{72}<|endoftext|>", r"> \boxed{72}", r"* \boxed{72}", r"So -> \boxed{72}", r"=> \boxed{72}",
    "\\boxed{72}\n\n**Check:** 12 * 6.", "\\boxed{72}\n- the rate is 12", "\\boxed{72}\n\n2. The next question",
)  # fmt: skip


@pytest.mark.parametrize("text", MARKED)
@pytest.mark.parametrize("kind", ["number", "latex", "choice"])
def test_markup_around_a_box_changes_nothing(text, kind):
    assert right(text.replace("{72}", "{B}") if kind == "choice" else text, kind, "B" if kind == "choice" else "72")


SENTENCES = (
    r"Therefore, the value of the expression is $\boxed{72}$.", r"Putting everything together, we conclude that it is \boxed{72}.",
    r"The bakery sells \boxed{72} muffins in 6 hours.", r"However, the correct result is \boxed{72}.",
    r"Thus, the maximum number of muffins is $\boxed{72}$.", r"Since half of them are gone, there are \boxed{72} left.",
    r"There are $\boxed{72}$ values of $x$ such that $x^2 < 9$.", r"$2 \cdot 36 \equiv \boxed{72} \pmod{100}$.",
    "\\begin{align*}\nx &= 12 \\cdot 6\\\\\n&= \\boxed{72}.\n\\end{align*}", r"We obtain \boxed{72}, which is also the final answer.",
)  # fmt: skip


@pytest.mark.parametrize("text", SENTENCES)
def test_a_number_in_a_box_may_have_any_plain_sentence_around_it(text):
    assert right(text, "number")


CHANGED = (
    r"12 * \boxed{72}", r"\boxed{72} * 2", r"\boxed{72}**2", r"3 * \boxed{72} * 2", r"**\boxed{72}**2", r"**\boxed{72}** or 73",
    r"**not** \boxed{72}", r"**It is not \boxed{72}**", r"**-\boxed{72}**", "\\boxed{72}\n- 5", r"x > \boxed{72}", r"x >= \boxed{72}",
    r"x_\boxed{72}", r"The answer is \boxed{72} and 73.", r"\boxed{72}, 73", r"\boxed{72},000", r"(\boxed{72}, 3)", r"negative \boxed{72}",
    r"\text{not }\boxed{72}", r"\boxed{72}\pi", r"\boxed{72}:1", r"1:\boxed{72}", r"\boxed{72} less one", r"the opposite of \boxed{72}",
    "\u2212\\boxed{72}", "\\boxed{72}\u00b2", "\\boxed{72}\u0336", r"\boxed{72} ❌",
)  # fmt: skip


@pytest.mark.parametrize("text", CHANGED)
@pytest.mark.parametrize("kind", ["number", "latex"])
def test_what_changes_the_answer_in_a_box_is_refused(text, kind):
    assert not right(text, kind)


@pytest.mark.parametrize(
    "text",
    [
        r"I doubt that the glorious result is \boxed{72}.", r"Perhaps the glorious result is \boxed{72}.",
        r"The glorious result is \boxed{72} muffins or 73 muffins.", r"The glorious result is \boxed{72} muffins and 73 muffins.",
        r"The glorious result is \boxed{72} muffins minus one.", r"The glorious result is \boxed{72} muffins and sixty.",
        r"The glorious result is $\boxed{72}$ M.",
        r"The glorious result is close to \boxed{72}.", r"The glorious result is a third of \boxed{72}.", r"The glorious result exceeds \boxed{72}.",
        r"The glorious result is \boxed{72} over seven.", r"The glorious result is \boxed{72} and up.", r"The glorious result is \boxed{72} at least.",
        r"The glorious result used to be \boxed{72}.", r"The glorious result is plus \boxed{72}.", r"The glorious result is \boxed{72} apples, is it?",
        r"The glorious result isn't \boxed{72}.", r"The glorious result is \boxed{72} muffins, divided by a friend.",
    ],
)  # fmt: skip
def test_a_sentence_that_takes_the_number_in_a_box_back_is_refused(text):
    assert not right(text, "number")


def test_without_a_box_a_free_sentence_is_still_refused():
    problem = Problem("0", QUESTION, "72")
    for text in ("The glorious result is 72", "The bakery will sell 72 muffins within the 6 hours"):
        assert not grade_rollout(Rollout("", text, (), (), (), "stop"), problem, Config(answer_format="auto")).correct
