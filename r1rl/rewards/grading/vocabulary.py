"""The words that an answer with a number may have: a closed list, to which the question adds its own.

`kind_of(word, question words)` says what a word may do in an answer; None: the word makes it no answer. A word of NEVER
is refused even where the question has it, because it could change what the number means.
"""

from __future__ import annotations

import re
from functools import lru_cache


@lru_cache(maxsize=4096)
def words_of(question: str) -> frozenset[str]:
    """The words of a question in small letters, by their stems; and "\\0more" where it asks how many more."""
    found = {stem(word) for word in re.findall(r"[^\W\d_]+", question.lower())}
    asks_more = re.search(r"how (?:many|much)[^.?]*\b(?:more|fewer|less)\b", question.lower())
    return frozenset(found | {"\0more"} if asks_more else found)


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """A word without the ending that a plural or a verb form adds.

    >>> stem("eats"), stem("eating"), stem("boxes"), stem("berries")
    ('eat', 'eat', 'box', 'berr')
    """
    for ending in ("ying", "ies", "ied", "ing", "ie", "es", "ed", "s", "y", "e", "d"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


DENIALS = _set(
    "not no never neither nor none nobody nothing cannot cant isnt wasnt arent doesnt dont didnt wont wouldnt couldnt"
    " shouldnt hasnt havent without wrong incorrect false untrue mistaken mistake error deny denies denied refuse reject"
    " contrary impossible invalid unlike few several hardly scarcely barely far anything doubt doubts doubted doubtful lied lying joke joking kidding excluded excluding"
)
BOUNDS = _set(
    "least most more less fewer than greater larger smaller bigger higher lower over under above below beyond exceed exceeds"
    " exceeding exceeded minimum maximum min max limit bound upper almost nearly within between until till past before near"
    " close up down around-about short almost-all up-to plusminus"
)
HEDGES = _set(
    "maybe perhaps possibly probably might may could ought unless if whether except but instead rather likely unlikely"
    " unsure unknown unclear undefined guess guesses guessed guessing suppose supposing assume assuming assumed otherwise else"
    " sometimes often usually seldom rarely ever pretend imagine hypothetically wait actually however although though"
)
ALTERNATIVES = _set("or either versus vs alternatively and/or respectively")
OPERATIONS = _set(
    "minus plus times divided multiplied multiply divide subtract subtracted added squared cubed square-root root power powers"
    " log ln sqrt sin cos tan exp mod modulo factorial negative opposite inverse reciprocal point half halves twice thrice"
    " double doubled doubles triple tripled quadruple third thirds quarter quarters fourth fourths fifth fifths sixth sixths"
    " seventh sevenths eighth eighths ninth ninths tenth tenths hundredth hundredths thousandth thousandths millionth"
    " millionths first percentage-point fold too also cube cubes choose nth complement change-sign"
)
QUESTIONS = _set("what which whom whose where why how")
SMALL = {
    w: i
    for i, w in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
        ]
    )
}
TENS = {
    w: 10 * i for i, w in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 2)
}
SCALES = {
    "hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12, "dozens": 12,
}  # fmt: skip
OTHER_SCALES = _set(
    "hundreds thousands millions billions trillions quadrillion quintillion milliard lakh lakhs lac crore crores gross score"
    " myriad tens ones млн млрд тыс 万 亿 億 千 k m b bn mn mm mil mio mrd tsd cr g t"
)
NEVER = (
    DENIALS
    | BOUNDS
    | HEDGES
    | ALTERNATIVES
    | OPERATIONS
    | QUESTIONS
    | OTHER_SCALES
    | SMALL.keys()
    | TENS.keys()
    | SCALES.keys()
)

NUMBER_WORDS = "|".join((*SMALL, *TENS))  # as patterns
SCALE_WORDS = "|".join((*SCALES, *(f"{word}s" for word in SCALES)))
FRACTION_WORDS = r"halves|(?:thir|fif|six|seven|eigh|nin|ten|hundred|thousand|million)ths?|thirds?|quarters?|fourths?"

SUBJECTS = _set("he she it they we i you who")
ORDINALS = _set("first second third fourth fifth sixth seventh eighth ninth tenth last")
ALSO_NAMES = _set("may max")  # words of NEVER that are names, too
MORE = _set("more fewer less")  # where the question asks how many more

# What a word may do. The grammar of `numbers` is a pattern over these letters.
FREE, LINK, ABOUT, OF, PLACE, TO, AND = "w", "v", "a", "o", "p", "2", "&"
TOTAL, ANSWER, RESULT = "t", "T", "r"  # "a cost of 72", "total 72", "the sum is 72"
NOUN, UNIT, AREA, CURRENCY = "n", "m", "q", "c"
PERSON, WHO = "P", "W"  # "it takes her 72 hours"; "72 people who walk"

FREE_WORDS = _set(
    "when able currently everything enough worth away long old tall wide deep earnings total-of should also-of the a an this that these those it its he she they we i you his their our my your there here"
    " final correct right number value price cost all both each every per altogether overall"
    " today daily weekly monthly yearly left remaining still needed needs together combined after on"
    " from during since because as be been being will would must can done get gets got given going go end"
    " day days week weeks month months year years hour hours minute minutes night morning evening afternoon time"
    " new old whole entire full extra single own same other another rest people person way way out back into is-that yes ok"
    " okay good done great indeed conclusion simply moment red blue green yellow white black brown pink purple orange big small large"
)
LINKS = _set("do does did means mean should is are was were be equals equal being makes gives = : becomes")
VERBS = _set(
    "has have had having makes make made making gets get got sells sell sold buys buy bought pays pay paid costs cost earns"
    " earn earned saves save saved spends spend spent needs need needed takes take took gives give gave given eats eat ate"
    " uses use used owns own owned wins win won loses lose lost finds find found collects collect collected bakes bake baked"
    " reads read runs run ran walks walk walked drives drive drove travels travel traveled travelled works work worked weighs"
    " weigh weighed measures measure measured holds hold held contains contain contained receives receive received owes owe"
    " owed scores scored lays lay laid picks pick picked plants plant planted keeps keep kept leaves leave left leaving writes"
    " write wrote drinks drink drank fills fill filled cuts cut makes charges charge charged produces produce produced"
    " requires require required remains remain remained lasts last lasted brings bring brought carries carry carried"
    " equals equal gains gain gained lifts lift lifted raises raise raised returns return returned counts count counted"
    " puts put builds build built grows grow grew grown broken broke blew blown driven eaten taken given written drunk worn wore spent met meets meet catches catch caught donates donate donated sleeps sleep slept"
    " plays play played watches watch watched swims swim swam has orders order ordered wants want wanted sees see saw"
    " invests invest invested borrows borrow borrowed attends attend attended completes complete completed finishes finish"
    " finished gathers gather gathered burns burn burned fits fit visits visit visited shares share shared sends send sent"
    " deposits deposited withdraws withdrew"
)
ABOUTS = _set(
    "about roughly approximately approx around exactly only just precisely all ~ ≈ → so therefore thus hence then finally now"
)
TOTALS = _set(
    "amount profit average mean distance price"
    " score age length width height weight speed value number count change revenue income perimeter area volume salary"
    " balance discount tip bill"
)
ANSWERS = _set("answer total totals ans solution result cost costs 答案 答案是 答案为")
RESULTS = _set("sum difference product remainder quotient")
PLACES = _set("in for at with after by")
TOS = _set("comes come came amounts amounted adds up equal totals rounds rounded goes")
UNITS = _set(
    "% ° $ € £ ¥ ₹ 个 元 percent percents degree degrees celsius fahrenheit cent cents dollar dollars euro euros pound pounds"
    " yen rupee rupees peso pesos buck bucks km cm mm dm mi ft yd inch inches foot feet yard yards mile miles"
    " meter meters metre metres kilometer kilometers kilometre kilometres centimeter centimeters centimetre centimetres"
    " millimeter millimeters kg mg gram grams kilogram kilograms kilo kilos lb lbs oz ounce ounces ton tons tonne tonnes"
    " l ml liter liters litre litres milliliter milliliters gal gallon gallons pint pints quart quarts cup cups teaspoon"
    " teaspoons tablespoon tablespoons second seconds sec secs s h hr hrs min mins minute minutes hour hours day days week weeks"
    " month months year years decade decades century centuries mph kph kmh km/h acre acres hectare hectares calorie calories"
    " watt watts volt volts joule joules newton newtons byte bytes penny pennies nickel nickels dime dimes unit units point points st nd rd th"
)
AREAS = _set("square sq cubic")
NOUNS = _set(
    "apple banana orange pear grape lemon lime cherry strawberry berry peach plum melon watermelon mango fruit vegetable potato"
    " tomato carrot onion egg cookie cake cupcake muffin pie pizza slice sandwich burger bread loaf roll donut doughnut candy"
    " chocolate bar sweet lollipop snack meal breakfast lunch dinner drink juice water milk soda coffee tea bottle can jar box"
    " bag basket bucket carton crate case pack packet package bundle bunch piece part portion serving set pair group team class"
    " classroom school student teacher pupil child children kid boy girl man men woman women adult person people friend brother"
    " sister cousin family guest visitor passenger player member worker employee customer client driver runner dog cat bird fish"
    " horse cow pig sheep goat chicken duck hen rabbit mouse mice animal bee ant spider leg eye wing head tree flower rose tulip"
    " plant seed leaf leaves garden field farm acre house home room apartment floor building office store shop table chair desk"
    " bed door window wall tile brick board shelf shelves book page chapter story word letter line paragraph essay magazine"
    " newspaper paper sheet notebook pen pencil crayon marker eraser ruler sticker stamp card envelope note picture photo photograph"
    " painting poster map ticket coin bill toy doll puzzle game ball marble block balloon bead button"
    " ribbon shirt pants shoe sock hat coat dress jacket glove scarf clothes car truck bus buses bike bicycle train plane boat"
    " ship wheel tire trip ride lap step stair race match goal point score win loss vote question problem answer test exam quiz"
    " lesson song movie film show episode video photo video phone call message email computer laptop screen battery light lamp bulb"
    " clip nail screw bolt tool rope string wire stick rod log stone rock shell star planet cloud drop cup glass glasses plate bowl"
    " spoon fork knife knives pot pan gift present prize award medal job task shift order item thing object product copy copies kind"
    " type color colour side edge face corner angle triangle circle cube time turn round trip visit session class hour dollar"
    " profit cost price wage salary money change cash tip fee tax loan debt saving savings paycheck download lego vehicle driver"
    " pancake noodle grain bean rice sugar flour salt pepper butter cheese cream ice meat beef fish soup salad sauce oil gas fuel"
    " foot inch gallon bouquet petal necklace bracelet ring earring jewel sculpture vase stall seat row column lane road street city"
    " town country state island farm village bridge river lake ocean beach mountain hill park zoo museum library hospital market"
    " fence gate post pole flag sign pillow blanket towel curtain carpet rug brush comb mirror soap candle match torch machine engine"
    " robot cow calf calves puppy puppies kitten lamb pony deer wolf wolves lion tiger bear monkey elephant giraffe snake frog turtle"
    " temperature bakery farmer tank mother father mom dad aunt uncle grandmother grandfather son daughter baby neighbor neighbour"
    " doctor nurse cook baker driver owner manager boss artist carpenter gardener seller buyer king queen guest tourist group crew"
    " factory company restaurant cafe hotel theater cinema station airport park pool gym club church court kitchen bathroom bedroom"
    " garage attic yard barn stable warehouse tray plate kettle spoonful handful sack crate barrel pile stack load batch"
    " wood metal steel iron silver copper plastic fabric yarn thread cloth sand soil concrete paint ink glue tape chain"
    " subscriber follower view comment member vote ticket entry exit page volume shelf copy letter email text call"
    " shark whale dolphin crab shrimp bug butterfly butterflies caterpillar snail worm hamster parrot pigeon"
)
NOUN_STEMS = frozenset(stem(noun) for noun in NOUNS) | NOUNS

_KINDS: dict[str, str] = {}
for _words, _kind in (
    (NOUNS, NOUN), (FREE_WORDS, FREE), (UNITS, UNIT), (VERBS, LINK), (LINKS, LINK), (TOTALS, TOTAL), (PLACES, PLACE),
    (AREAS, AREA), (TOS, TO), (ABOUTS, ABOUT), (ANSWERS, ANSWER), (RESULTS, RESULT),
    (_set("usd eur gbp rs inr aud cad"), CURRENCY),
):  # fmt: skip
    _KINDS |= dict.fromkeys(_words, _kind)
_KINDS |= {"of": OF, "to": TO, "and": AND, "who": WHO} | dict.fromkeys(["him", "her", "them", "me", "us"], PERSON)


def kind_of(word: str, question: frozenset[str] = frozenset()) -> str | None:
    """What a word in small letters may do in an answer; None where it may not be there at all."""
    if word in NEVER:
        return None
    kind = _KINDS.get(word)
    if kind is not None:
        return kind
    root = stem(word)
    if word.endswith(("ed", "ing")) and root in question:
        return LINK  # "caused 72"
    if root in NOUN_STEMS or root in question or word in question:
        return NOUN
    return None


def reason_for(word: str) -> str:
    """Why a word makes a text no answer, in short."""
    if word in DENIALS or word.endswith("n't"):
        return "denied"
    return f"unknown word: {word[:30]}"


def number_in_words(words: list[str]) -> int | None:
    """The number that English words name; None where they name none.

    >>> number_in_words("two hundred and five".split()), number_in_words(["seventy", "two"]), number_in_words(["two", "two"])
    (205, 72, None)
    """
    total, part, last = 0, 0, 1000
    for word in words:
        if word in SMALL or word in TENS:
            value = SMALL.get(word, TENS.get(word, 0))
            if (last < 20) or (last < 100 and value >= 10):
                return None
            part, last = part + value, value if value else 1
        elif word == "hundred" and 0 < part < 100:
            part, last = part * 100, 100
        elif word in SCALES and word not in ("hundred", "dozens") and part:
            total, part, last = total + part * SCALES[word], 0, 1000
        elif word != "and":
            return None
    return total + part
