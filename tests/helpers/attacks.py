"""Answers built around a right one: strings whose meaning is another (never right), and natural wordings (right).

`{n}` is the gold answer, `{m}` another number, `{w}` a number in words, `{b}` the gold answer in bold or plain.
"""

from __future__ import annotations

OPERATIONS = (
    "{n} + {m}", "{n}+{m}", "{m} + {n}", "{n} - {m}", "{m}-{n}", "{n} * {m}", "{n} × {m}", "{n} x {m}", "{n}/{m}", "{n} / {m}",
    "{n} ÷ {m}", "{m}{n}", "{n}{m}", "{m} {n}", "{n} {m}", "{n}^{m}", "{n}**{m}", "{n}^2", "{n}²", "{n}!", "({n})!", "{n}!!", "-{n}",
    "- {n}", "−{n}", "–{n}", "-({n})", "minus {n}", "negative {n}", "{n} minus {w}", "{n} plus {w}", "{n} times {w}",
    "{n} divided by {w}", "{n} over {w}", "{w} over {n}", "{n} squared", "{n} cubed", "{n} to the power of {w}", "half of {n}",
    "twice {n}", "double {n}", "triple {n}", "a third of {n}", "two thirds of {n}", "{n} and a half", "{n} and {w}",
    "{n} point {w}", "{n}.{m}", "{n},{m}", "{n} halves", "{n} thirds", "{n} tenths", "{n} hundredths", "{n}th root", "√{n}",
    "sqrt({n})", "sqrt {n}", "the square root of {n}", "the square of {n}", "log {n}", "log({n})", "ln {n}", "ln({n})", "sin({n})",
    "exp({n})", "1/{n}", "|{n}| + 1", "{n} mod {m}", "{n} % {m}", "{n}π", "{n} pi", "{n}x", "{n} x", "x{n}", "x + {n}", "{n}i",
    "{n}e{m}", "2^{n}", "{n} factorial", "the opposite of {n}", "the reciprocal of {n}", "{w} less than {n}", "{w} more than {n}",
    "{n} less {w}", "{n} doubled", "{n} halved", "{n} increased by {w}", "{n} decreased by {w}", "{n} off by {w}", "{n} take away {w}",
    "{n} choose {w}", "5{n}", "{n}°{m}", "{n}:{m}", "{n}-{m}", "{n} to {m}", "{n}...{m}", "{n}+", "{n}-", "+-{n}", "±{n}", "∓{n}",
    "{n} ± {m}", "{n}₂", "{n}_7", "{n} base {w}", "0x{n}", "{n}h{m}", "({n})({m})", "{m}({n})", "{n}({m})", "{n} percent of {w}",
)  # fmt: skip
DENIALS = (
    "not {n}", "it is not {n}", "It isn't {n}", "it isn’t {n}", "it can't be {n}", "it cannot be {n}", "{n} is wrong",
    "{n} is not right", "{n} is incorrect", "{n} is not the answer", "never {n}", "anything but {n}", "no, {n}", "not exactly {n}",
    "nowhere near {n}", "{n}? No.", "{n}. That is wrong.", "{n}. Not quite.", "{n}. Just kidding.", "{n} would be wrong",
    "{n} is false", "I doubt {n}", "I doubt that it is {n}", "The wrong answer is {n}", "instead of {n}", "{n} is too low",
    "{n} is too high", "far from {n}", "{n} is a mistake", "≠ {n}", "!= {n}", "x ≠ {n}", "¬{n}", "~~{n}~~", "{n} ❌", "{n} ✗",
    "{n} - wrong", "wrong: {n}", "false: {n}", "It is false that it is {n}", "I deny that it is {n}", "neither {n}", "hardly {n}",
    "The answer is different from {n}", "everything except {n}", "{n} excluded", "un-{n}", "non-{n}", "as if {n}", "{n}, I lied",
    "It's not {n}", "That's wrong: {n}", "It's less than {n}", "It's half of {n}",
)  # fmt: skip
BOUNDS = (
    "at least {n}", "at most {n}", "more than {n}", "less than {n}", "fewer than {n}", "over {n}", "under {n}", "above {n}",
    "below {n}", "up to {n}", "{n} or more", "{n} or less", "{n} or fewer", "{n}+", "{n} and up", "{n} and above", "no more than {n}",
    "no less than {n}", "almost {n}", "nearly {n}", "not more than {n}", "a maximum of {n}", "a minimum of {n}", "> {n}", "< {n}",
    "≥ {n}", "≤ {n}", ">= {n}", "<={n}", "\\geq {n}", "x > {n}", "{n} < x", "x ≥ {n}", "greater than {n}", "between {n} and {m}",
    "from {n} to {m}", "{n} something", "{n}-ish", "{n} and change", "{n} and then some", "beyond {n}", "within {n}", "close to {n}",
    "just under {n}", "slightly more than {n}", "the upper limit is {n}", "exceeds {n}", "{n} at the very least", "a bit over {n}",
)  # fmt: skip
ALTERNATIVES = (
    "{n} or {m}", "{m} or {n}", "{n} or {w}", "{w} or {n}", "either {n} or {m}", "{n}/{m}", "{n}, {m}", "{m}, {n}", "{n}; {m}",
    "{n}\n{m}", "{n} and {m}", "{n} | {m}", "{n} vs {m}", "{n} (or {m})", "{n} (or {w})", "{n} or maybe {m}", "maybe {n}",
    "perhaps {n}", "possibly {n}", "probably {n}", "might be {n}", "could be {n}", "{n} or so", "{n} or not", "{n}, unless it is {m}",
    "{n} if it rains", "if it rains, {n}", "{n}, otherwise {m}", "{n} otherwise", "{n} unless not", "{n}? {m}?", "{n}?", "Is it {n}?",
    "I guess {n}", "a guess: {n}", "suppose {n}", "1. {n} 2. {m}", "A: {n}, B: {m}", "[{n}, {m}]", "({n}, {m})", "{{{n}, {m}}}",
    "{n} respectively {m}", "{n} alternatively {w}", "one of {n}, {m}", "{n} {n}", "{n}, {n}", "{n} {m} {n}",
)  # fmt: skip
SCALES = (
    "{n}k", "{n} k", "{n}K", "{n}M", "{n} M", "{n}m", "{n} mm of rain or more", "{n} mn", "{n}bn", "{n} bn", "{n}B", "{n} B", "{n}T",
    "{n} mil", "{n} lakh", "{n} crore", "{n} lac", "{n} cr", "{n}‰", "{n} ‰", "{n}万", "{n}億", "{n} 千", "{n} Mio", "{n} Mrd", "{n} Tsd",
    "{n} млн", "{n} тыс", "{n} thousand", "{n} million", "{n} billion", "{n} trillion", "{n} hundred", "{n} dozen", "{n} dozens",
    "{n} thousands", "{n} millions", "{n} hundreds", "{n} gross", "{n} score", "{n} tens", "{n} thousandths", "{n} million {m}",
    "{n} thousand and {w}", "{n} per thousand", "{n} per dozen", "{n} milliard", "{n} quadrillion", "{n} hundred thousand", "{n}e3",
    "{n}E+2", "{n} × 10^3", "{n} x 10^{m}", "$" + "{n}M", "$" + "{n} bn", "{n} ppm", "{n} basis points or more", "{n} myriad",
)  # fmt: skip
UNITS = (
    "{n} feet {m} inches", "{n} feet {w} inches", "{n} hours {m} minutes", "{n} hours and {w} minutes", "{n} dollars and {w} cents",
    "{n} dollars {m} cents", "{n}:30", "{n}'{m}\"", "{n} pounds {w} ounces", "{n} and one quarter", "{n} and a bit",
)  # fmt: skip
SCRIPTS = (
    "{n}\u0336", "\u202e{n}\u202c", "{n}⁵", "⁵{n}", "{n}½", "½{n}", "{n}⅓", "{n}①", "Ⅴ{n}", "{n}\u0338", "𝑥{n}", "{n}٣", "{n}\u200b{m}",
)  # fmt: skip
RUN_ON = (
    "{n} because {m} is wrong", "{n}. Next: {m}", "{n} since {w} plus {w} is it", "The answer is {m}. No, {n}. No, {m}.",
    "page {n}", "step {n}", "question {n}", "Day {n}", "chapter {n}", "number {n} on the list of {m}", "I read it on page {n}",
    "the {n}rd root", "ten of {n}", "first {n}, then {m}", "{m} = {n}", "{n} = {m}", "{m} + 0 = {n}", "{n} = x + 1", "2x = {n}",
    "x^2 = {n}", "x/2 = {n}", "-x = {n}", "x + y = {n}", "f({n})", "f(x) = {n}x", "twice x is {n}", "half x = {n}",
    "How many are there? {n}", "The answer is unknown, {n}", "The first guess is {n}", "My lucky number: {n}", "The answer used to be {n}",
)  # fmt: skip
WRONG_NUMBERS = OPERATIONS + DENIALS + BOUNDS + ALTERNATIVES + SCALES + UNITS + SCRIPTS + RUN_ON
NESTS = (
    "{}", "\\boxed{{{}}}", "**{}**", "$ {} $", "\\text{{{}}}", "The answer is {}", "The answer is: {}.", "Answer: {}", '"{}"', "({})",
    "`{}`", "So {}", "\\boxed{{\\text{{{}}}}}", "{} apples", "Final answer: {}", "{}.", "It is {}", "\u200b{}", "＂{}＂",
)  # fmt: skip

NATURAL = (  # 60 ways to state a right answer
    "{n}", "{n}.", " {n} ", "\n{n}\n", "${n}", "$ {n}", "{n}$", "€{n}", "£{n}", "{n} €", "{n} dollars", "{n} USD", "{n}%", "{n} percent",
    "{n} apples", "{n} eggs", "{n} km", "{n} miles", "{n} hours", "{n} minutes", "{n} people", "{n} apples in total", "{n} in all",
    "{n} dollars per week", "{n} km/h", "{n} apples left", "{n} days", "{n} degrees", "{n} square feet", "{n} cm^2", "**{n}**", "*{n}*",
    "`{n}`", '"{n}"', "({n})", "\\boxed{{{n}}}", "$\\boxed{{{n}}}$", "\\text{{{n}}}", "${n}$", "\\({n}\\)", "+{n}", "{n}.0", "{n}.00",
    "= {n}", "x = {n}", "The answer is {n}", "The answer is {n}.", "The answer is: {n}", "The final answer is {n}.", "Answer: {n}",
    "Final answer: **{n}**", "So the answer is {n}.", "Therefore, the answer is {n} apples.", "It is {n}.", "That is {n} apples.",
    "There are {n} apples left.", "He has {n} apples.", "She pays {n} dollars in total.", "The total cost is ${n}.",
    "Tom sold {n} clips", "a total of {n}", "about {n}", "exactly {n}", "only {n} apples", "{n} (in total)", "{n} = {n}.0",
    "{n} is the answer.", "{n} apples each", "{n} hours a day", "It's {n}.", "So it’s {n} apples.", "That's ${n}.", "{n}。", "答案是{n}。",
)  # fmt: skip

# LaTeX: the gold answer is the number {n}.
WRONG_LATEX = (
    "{n}!", "({n})!", "{n}_9", "{n}_{{7}}", "{n}\\,1", "{n} {m}", "{n}\\quad {m}", "{n}\\ {m}", "{n}({m})", "({n})({m})", "{m}({n})",
    "{n}\\cdot 1", "{n}\\times 1", "1\\cdot {n}", "{n}+0", "0+{n}", "{n}-0", "{n}^1", "{n}^{{1}}", "{n}^0", "{n}^2", "\\sqrt{{{n}}}",
    "\\sqrt{{{n}^2}}", "|{n}|", "|-{n}|", "-(-{n})", "--{n}", "\\binom{{{n}}}{{1}}", "\\dbinom{{{n}}}{{1}}", "\\frac{{1}}{{{n}}}",
    "{n}\\div 1", "\\lfloor {n}.5 \\rfloor", "\\lceil {n} \\rceil", "\\log {n}", "\\ln e^{{{n}}}", "e^{{\\ln {n}}}", "\\sin {n}",
    "\\gcd({n},{n})", "\\max({n},1)", "\\begin{{vmatrix}}{n}&0\\\\0&1\\end{{vmatrix}}", "\\det {n}", "\\sum_{{i=1}}^{{{n}}} 1",
    "\\int_0^{{{n}}} dx", "\\lim {n}", "{n}i", "{n}x", "{n}\\pi", "{n}e", "{n}\\theta", "x+{n}", "{n}\\text{{ thousand}}",
    "{n}\\text{{ million}}", "{n}\\text{{ dozen}}", "{n}\\text{{ lakh}}", "{n}\\text{{ k}}", "{n}\\text{{M}}", "{n}\\text{{ or }}{m}",
    "{n}\\text{{ and }}{m}", "{n},{m}", "{n}, {m}", "{n}; {m}", "{n},{n}", "({n},{m})", "({n},{n})", "[{n},{m}]", "\\{{{n},{m}\\}}",
    "\\{{{n}\\}}", "({n},\\infty)", "{n}\\text{{ minus 4}}", "{n}\\text{{ plus one}}", "\\text{{not }}{n}", "\\text{{not {n}}}",
    "{n}\\text{{ is wrong}}", "{n}\\text{{ or more}}", "\\text{{at least }}{n}", "\\text{{at least {n}}}", "{n}\\text{{, unless it is {m}}}",
    "{n}\\text{{ is too low}}", "{n}\\text{{ half}}", "{n}\\text{{ squared}}", "{n}\\text{{ or sixty}}", "\\text{{half of }}{n}",
    "<{n}", "\\le {n}", "\\geq {n}", "x\\ge {n}", "x<{n}", "x\\ne {n}", "\\neq {n}", "2x={n}", "x^2={n}", "x+y={n}", "\\frac{{x}}{{2}}={n}",
    "-x={n}", "{n}={m}", "{m}={n}", "{n}+1={n}", "\\sqrt{{x}}={n}", "x={n},y={m}", "-{n}", "\\pm {n}", "\\mp {n}", "{n}\\pm 1",
    "{n}\\pm 0", "{n}:1", "{n}:{m}", "{n}:00", "{n}\\text{{ p.m.}}", "{n}\\overline{{3}}", "0.\\overline{{{n}}}", "\\overline{{{n}}}",
    "{n}.{m}", "{n}.0001", "{n}.00000001", "{m}\\frac{{{n}}}{{1}}", "{n}\\frac{{1}}{{2}}", "\\frac{{{n}}}{{{m}}}", "{n}/{m}", "{n}\\%\\text{{ of {m}}}",
    "{n} \\pmod{{{m}}}", "{n}\\equiv {m}", "{n}\\in x", "\\angle {n}", "\\triangle {n}", "\\vec{{{n}}}", "\\hat{{{n}}}", "\\dot{{{n}}}",
    "\\cancel{{{n}}}", "\\not{{{n}}}", "\\neg {n}", "{n}'", "{n}\\text{{ feet }}{m}\\text{{ inches}}", "\\infty {n}", "\\emptyset, {n}",
    "{n}^{{{m}}}", "{m}^{{{n}}}", "{n}\\cdot 10^{{2}}", "{n}\\times 10^{{-3}}", "\\text{{Is it {n}?}}", "{n}?", "\\text{{maybe }}{n}",
    "{n}\\text{{ if }}x>0", "{n}\\text{{ when }}x", "\\begin{{cases}}{n}\\\\{m}\\end{{cases}}", "\\begin{{pmatrix}}{n}\\end{{pmatrix}}",
    "{n}\\cup {m}", "{n}\\sqrt{{2}}", "{n}\\,\\text{{point five}}", "{n}\\text{{ }}{m}", "\\mathbf{{{n}}}\\mathbf{{{m}}}", "{n}{{}}{m}",
)  # fmt: skip
RIGHT_LATEX = (
    "{n}", "${n}$", "\\({n}\\)", "\\[{n}\\]", "$${n}$$", "\\boxed{{{n}}}", "\\text{{{n}}}", "\\mathbf{{{n}}}", "\\textbf{{{n}}}",
    "\\mathrm{{{n}}}", "{n}.", "{n}.0", "{n}.00", "x = {n}", "x={n}", "{n} = x", "= {n}", "{n}\\text{{ cm}}", "{n} \\text{{ dollars}}",
    "{n} cm", "\\${n}", "{n}^\\circ", "{n}^{{\\circ}}", "{n}\\%", "\\left({n}\\right)", "({n})", "+{n}", "{{{n}}}", "\\frac{{{n}}}{{1}}",
    "\\approx {n}", "\\theta = {n}", "The answer is {n}.", "The answer is ${n}$.", "\\text{{The answer is {n}}}", "{n}\\,", "\\,{n}", "{n}\\text{{ square units}}",
    "{n}\\text{{ cm}}^2", "**{n}**", "{n}\\text{{ students}}", "n = {n}", "f(x) = {n}",
)  # fmt: skip

# Knights and Knaves: {right} gives everybody the right role, {one} is its statement about the person {name}, {rest} the others.
WRONG_ROLES = (
    "{right} All of this is wrong.", "{right} None of this is true.", "{right} Or the other way round.", "{right} Just kidding.",
    "{right} That is a contradiction.", "{right} Is that so?", "{right} No.", "{right} Not!", "{right} (false)", "{right} ❌",
    "It is false that {right}", "It is not the case that {right}", "The opposite of this: {right}", "I doubt that {right}",
    "I deny that {right}", "If {right}", "Suppose {right}", "Assume {right}", "Unless {right}", "Provided {right}", "Perhaps {right}",
    "Maybe {right}", "Either {right}", "{name} says: {right}", "Case 1: {right}", "Wrong: {right}", "¬({right})", "~{right}",
    "{right} {name} is a {other}.", "{right} But {name} is a {other}.", "{right} Actually, {name} is a {other}.",
    "{rest} {name} is not a {role}.", "{rest} {name} isn't a {role}.", "{rest} {name} is never a {role}.", "{rest} {name} is hardly a {role}.",
    "{rest} {name} is no {role}.", "{rest} {name} is a non-{role}.", "{rest} {name} is an un-{role}.", "{rest} {name} is ¬{role}.",
    "{rest} {name} ≠ {role}.", "{rest} {name} != {role}.", "{rest} {name} is not {role}.", "{rest} {name}: not {role}.",
    "{rest} {name} is probably a {role}.", "{rest} {name} is possibly a {role}.", "{rest} {name} may be a {role}.",
    "{rest} {name} might be a {role}.", "{rest} {name} could be a {role}.", "{rest} {name} would be a {role}.",
    "{rest} {name} seems to be a {role}.", "{rest} {name} is sometimes a {role}.", "{rest} {name} is usually a {role}.",
    "{rest} {name} was a {role}.", "{rest} {name} used to be a {role}.", "{rest} {name} denies being a {role}.",
    "{rest} {name} claims to be a {role}.", "{rest} {name} pretends to be a {role}.", "{rest} {name} is a {role} or a {other}.",
    "{rest} {name} is a {role} and a {other}.", "{rest} {name} is a {role}/{other}.", "{rest} {name} is a {role} if it rains.",
    "{rest} {name} is a {role} iff it rains.", "{rest} {name} is a {role} unless it rains.", "{rest} {name} is a {role} => yes.",
    "{rest} {name}'s brother is a {role}.", "{rest} {name}'s friend is a {role}.", "{rest} The friend of {name} is a {role}.",
    "{rest} {name} is a {role}'s friend.", "{rest} {name} is like a {role}.", "{rest} {name} is a {role}?", "{rest} Is {name} a {role}?",
    "{rest} {name} is a so-called {role}.", "{rest} {name} is a former {role}.", "{rest} {name} is a fake {role}.",
    "{rest} {name} is anything but a {role}.", "{rest} {name} is far from a {role}.", "{rest} {name} {role}: no.",
    "{rest} {name} is a {role}, not.", "{rest} {name} is a {role} (not).", "{rest} {name} is a {role} (a {other}).",
    "{rest} {name} cannot be a {role}.", "{rest} {name} can't be a {role}.", "{rest} {name} is neither a {role} nor a {other}.",
    "{rest} {name} is a {role}, I think not.", "{rest} If anybody, {name} is a {role}.", "{rest} {name} is a {role}, {name} is a {other}.",
    "{rest} Only {name} is a {role}, or is {name}?", "{rest} Not {name} is a {role}.", "{rest} {name} is a {role} in a lie.",
    "{rest} Someone like {name} is a {role}.", "{rest} {name} is a {role} and not a {role}.", "{rest} {name} is not not a {role}.",
    "{rest} {name} lies that {name} is a {role}.", "{rest}", "{rest} {name}.", "{rest} {role}.", "{rest} {name} or {role}.",
)  # fmt: skip

# Choices: {a} is the right letter, {b} another.
WRONG_CHOICES = (
    "{a} or {b}", "({a}) or ({b})", "{a}) or {b})", "{a}, {b}", "{a} {b}", "{a}{b}", "{a}/{b}", "{a}. {b}.", "{a}. {b}. C. D.", "{a} and {b}",
    "not {a}", "{a} is wrong", "{a}? ", "{a}: no, it is {b}", "{a}) not this one", "{a} is not the answer", "either {a} or {b}",
    "{a}. No, {b}", "{a} (or {b})", "maybe {a}", "all but {a}", "{a}) or maybe {b}", "The answer is {a} or {b}", "The answer is not {a}",
    "{a}) isn't it", "{a}) is wrong", "{b}) not {a}", "~{a}", "¬{a}", "{a}) if not {b}", "{a}) unless {b}", "{a}, otherwise {b}", "{a}-{b}",
    "{a} > {b}", "anything except {a}", "{a}) false", "{a}) never", "{a}; {b}", "{a}\n{b}", "1. {a} 2. {b}", "[{a}, {b}]", "{a} | {b}",
    "{a} but {b}", "{a}\u0336", "{a}1", "{a}'", "{a}) {b}) C) D)", "A B C D", "A, B, C, D", "(A)(B)(C)(D)", "{a}) rather {b}", "{a}, wait, {b}",
    "**{a}.** **{b}.**", "**{a}** or **{b}**", "not **{a}**", "**{a}.** not blue", "**{a}** **{b}**",
)  # fmt: skip
RIGHT_CHOICES = (
    "{a}", "({a})", "{a}.", "{a})", "[{a}]", "**{a}**", "`{a}`", '"{a}"', "${a}$", "\\boxed{{{a}}}", "\\text{{{a}}}", "\\boxed{{\\text{{{a}}}}}",
    "The answer is {a}.", "The answer is ({a}).", "Answer: {a}", "The correct answer is {a}", "Option {a}", "{a}) blue whales", "{a}. 42",
    "({a}) the red one", "{a}: blue", "{a} is correct.", "So the answer is {a}.", "\\textbf{{({a})}}", "{a} - blue", "＂{a}＂", " {a} ",
    "**{a}.** blue", "**({a})** blue", "**{a}**. blue", "**Answer:** {a}", "**Answer:** {a}) blue", "The answer is **{a}.** blue",
    "**Option {a}:** blue", "`{a}`: blue", "{a}. **blue**",
)  # fmt: skip

# Countdown: 98 from 19 35 44.
WRONG_COUNTDOWN = (
    "44 + 19 + 35 = 97", "97 = 44 + 19 + 35", "98", "= 98", "98 = 98", "44 + 19 + 36", "44 + 54", "44 + 19 + 35 + 0", "44 + 19 + 35 or 98",
    "not 44 + 19 + 35", "44 + 19 + 35 is wrong", "44 + 19", "44 + 19 + 35, 44 - 19", "(44 + 19 + 35", "44 + 19 + 35)", "-44 + 19 + 35 + 88",
    "44 + 19 + 35 != 98", "44 + 19 + 35 ≠ 98", "44 + 19 + 35 > 98", "44 + 19 + 35 - 0", "44 + 19 + 35 = 98 = 99", "98 from 19 35 44",
    "use 44, 19 and 35 to make 98", "44 + 19 + 35?", "44 + 19 + 35!", "44 ++ 19 + 35", "44 + 19 + 35 = x", "(44 + 19 + 35)^1", "44 + 19 + 35 (mod 100)",
    "7 * 14", "2 * 49", "49 + 49", "44 + 44 + 10", "19 35 44", "441935", "44 + 19 + 35; 44 * 19", "if 44 + 19 + 35", "44 + 19 + 35\n44 - 19 + 35",
)  # fmt: skip
RIGHT_COUNTDOWN = (
    "44 + 19 + 35", "44+19+35", "(44 + 19) + 35", "44 + 19 + 35 = 98", "98 = 44 + 19 + 35", "44 + 19 + 35.", "`44 + 19 + 35`", "$44 + 19 + 35$",
    "\\boxed{44 + 19 + 35}", "\\boxed{44 + 19 + 35 = 98}", "**44 + 19 + 35**", "[44 + 19] + 35", "4４ + 1９ + 35", "The answer is 44 + 19 + 35",
    "Answer: 44 + 19 + 35", "44 + 19 + 35 = 63 + 35 = 98", "\\left(44 + 19\\right) + 35", "\\(44 + 19 + 35\\)", "44\u200b + 19 + 35",
)  # fmt: skip

# One of these in a right answer, as a word of its own at any place, makes it wrong or no answer.
BAD_WORDS = (
    "not", "never", "no", "isn't", "wrong", "incorrect", "false", "least", "most", "more", "less", "over", "under", "almost", "nearly",
    "or", "either", "maybe", "perhaps", "unless", "if", "except", "but", "minus", "plus", "times", "half", "twice", "double", "squared",
    "cubed", "negative", "sqrt", "log", "seven", "twenty", "hundredths", "thirds", "lakh", "crore", "Mio", "k", "M", "bn", "7", "3/4",
    "0.5", "-7", "x^2", "+", "<", ">", "≥", "≠", "¬", "?", "‰", "√", "^", "∞", "unknown", "guess", "approximately-not", "versus", "than",
)  # fmt: skip
BAD_LATEX = (
    "!", "^2", "_3", "7", "-1", "+x", "\\cdot 2", "\\times 3", "\\sqrt{2}", "\\pi", "i", "\\text{ or }7", "\\text{ not }", "\\text{ wrong}",
    "\\text{ minus one}", "\\text{ million}", ",7", ", 7", ";8", "\\ne", "<", "\\ge ", "\\pm 1", "\\binom{3}{1}", "\\div 2", "/7", "\\log ", "?",
    "\\infty", "\\cup 7", ":30", "\\text{ p.m.}", "\\quad 7", "\\,7", " 7", "(7)", "\\frac{1}{2}", "\\overline{3}", "\\neg ", "\\text{half of }",
)  # fmt: skip
