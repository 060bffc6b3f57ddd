"""200 completions in the wordings of language models, each right for a careful reader: (question, gold, completions by format)."""

from __future__ import annotations

WORDINGS = (
    (
        "A bakery sells 12 muffins an hour for 6 hours. How many muffins does it sell?", "72",
        {
            "tag": ["72", "72 muffins", "The bakery sells 72 muffins.", "72 muffins in total", "<b>72</b>"],
            "hash": ["12 * 6 = 72\n#### 72", "The bakery sells 12*6 = <<12*6=72>>72 muffins.\n#### 72 muffins", "#### **72**"],
            "boxed": ["So the bakery sells \\boxed{72} muffins.", "$12 \\times 6 = \\boxed{72}$"],
        },
    ),
    (
        "Rosa has $50 and buys 3 books at $9 each. How much money does she have left?", "23",
        {
            "tag": ["$23", "23 dollars", "She has $23 left.", "Rosa has $23 left", "$23.00", "23$"],
            "hash": ["She spends 27 dollars.\n#### 23", "#### $23", "#### 23 dollars"],
            "auto": ["3 books cost $27. 50 - 27 = 23. Rosa has $23 left."],
        },
    ),
    (
        "A train travels 240 miles in 4 hours. What is its average speed in miles per hour?", "60",
        {
            "tag": ["60", "60 mph", "60 miles per hour", "The average speed is 60 miles per hour.", "Its average speed is 60 mph", "60 mi/h"],
            "hash": ["240/4 = 60\n#### 60", "#### 60 miles per hour"],
            "boxed": ["\\boxed{60 \\text{ mph}}", "The average speed of the train is \\boxed{60} miles per hour."],
        },
    ),
    (
        "Lena picks 35 apples and gives 2/5 of them to her neighbour. How many apples does she keep?", "21",
        {
            "tag": ["21", "21 apples", "She keeps 21 apples.", "Lena keeps 21 apples", "21 (twenty-one)"],
            "hash": ["She gives away 14.\n#### 21", "#### 21 apples", "#### 21."],
            "auto": ["Lena gives 14 apples away. So Lena keeps 21 apples.", "35 - 14 is 21, and therefore:\nThe answer is 21."],
        },
    ),
    (
        "A recipe needs 3/4 cup of sugar for one cake. How many cups of sugar are needed for 6 cakes?", "4.5",
        {
            "tag": ["4.5", "4.5 cups", "4 1/2", "9/2", "4½ cups", "\\frac{9}{2}", "4.5 cups of sugar", "4.50"],
            "hash": ["#### 4.5", "#### 4.5 cups of sugar"],
        },
    ),
    (
        "A shop's 1,250 customers each spend $8. How much does the shop take in?", "10000",
        {
            "tag": ["10,000", "$10,000", "10000 dollars", "$10,000.00", "10 thousand dollars", "The shop takes in $10,000."],
            "hash": ["#### 10,000", "#### $10000", "1250 * 8 = 10000\n#### 10000"],
            "boxed": ["Thus the shop takes in $\\boxed{10{,}000}$."],
        },
    ),
    (
        "The temperature was 5 degrees and fell by 12 degrees. What is the temperature now?", "-7",
        {
            "tag": ["-7", "−7", "-7 degrees", "-7°", "It is -7 degrees.", "The temperature is now -7 degrees."],
            "hash": ["5 - 12 = -7\n#### -7", "#### -7 degrees"],
            "auto": ["The temperature is now -7.", "It fell by 12. So the temperature is -7 degrees."],
        },
    ),
    (
        "A class has 20 pupils. 35% of them walk to school. How many pupils walk to school?", "7",
        {
            "tag": ["7", "7 pupils", "7 pupils walk to school.", "There are 7 pupils who walk to school", "**7**", "x = 7"],
            "hash": ["0.35 * 20 = 7\n#### 7", "#### 7 pupils", "####7"],
            "boxed": ["\\boxed{7}"],
        },
    ),
    (
        "Out of 40 marbles, 10 are blue. What percentage of the marbles are blue?", "25",
        {
            "tag": ["25%", "25 %", "25 percent", "25", "25\\%", "25% of the marbles are blue."],
            "hash": ["10/40 = 0.25\n#### 25%", "#### 25 percent", "#### 25"],
            "auto": ["10 of 40 are blue. The answer is 25%."],
        },
    ),
    (
        "Ben runs 3 km on Monday and twice as far on Tuesday. How many kilometers does he run on both days together?", "9",
        {
            "tag": ["9", "9 km", "9 kilometers", "He runs 9 kilometers.", "Ben runs 9 km in total.", "He runs a total of 9 km."],
            "hash": ["3 + 6 = 9\n#### 9", "#### 9 km", "Ben runs 6 km on Tuesday.\nTogether, 3+6=9 km\n#### 9"],
            "auto": ["On Tuesday he runs 6 km. Altogether, Ben runs 9 kilometers."],
        },
    ),
    (
        "A farmer has 8 rows of 15 plants. 20 plants die. How many plants are left?", "100",
        {
            "tag": ["100", "100 plants", "100 plants are left.", "There are 100 plants left.", "The farmer has 100 plants left.", "100 plants remain"],
            "hash": ["#### 100", "120 - 20 = 100\n#### 100 plants", "#### 100 plants are left."],
            "boxed": ["There are $120 - 20 = \\boxed{100}$ plants left."],
        },
    ),
    (
        "Mia is 4 years older than Leo, who is 11. How old will Mia be in 5 years?", "20",
        {
            "tag": ["20", "20 years old", "Mia will be 20 years old.", "She will be 20.", "20 years"],
            "hash": ["15 + 5 = 20\n#### 20", "#### 20 years old", "#### Answer: 20"],
            "auto": ["Mia is 15 now. She will be 20 years old.", "Mia is 15 today, so she will be 20."],
        },
    ),
    (
        "Each box holds 24 pencils. How many boxes are needed for 192 pencils?", "8",
        {
            "tag": ["8", "8 boxes", "8 boxes are needed.", "You need 8 boxes.", "We need 8 boxes"],
            "hash": ["192 / 24 = 8\n#### 8", "#### 8 boxes", "####\n8"],
            "boxed": ["\\boxed{8\\text{ boxes}}", "Therefore, \\boxed{8} boxes are needed."],
        },
    ),
    (
        "A movie starts at 7 and lasts 135 minutes. How many hours does it last?", "2.25",
        {
            "tag": ["2.25", "2.25 hours", "2 1/4 hours", "9/4", "2.250", "It lasts 2.25 hours.", "The movie lasts 2.25 hours."],
            "hash": ["#### 2.25", "#### 2.25 hours", "135/60 = 2.25\n#### 2.25"],
        },
    ),
    (
        "Carlos earns $15 per hour and works 38 hours a week. How much does he earn in a week?", "570",
        {
            "tag": ["570", "$570", "$570 per week", "570 dollars a week", "Carlos earns $570 per week.", "He earns $570 in a week."],
            "hash": ["15 * 38 = 570\n#### 570", "#### $570 per week", "#### 570 dollars"],
            "auto": ["So Carlos earns $570 a week."],
        },
    ),
    (
        "A rectangle is 9 cm wide and 13 cm long. What is its area in square centimeters?", "117",
        {
            "tag": ["117", "117 cm^2", "117 cm²", "117 square centimeters", "The area is 117 square centimeters.", "117 sq cm", "Area = 117"],
            "hash": ["9 * 13 = 117\n#### 117", "#### 117 square centimeters"],
            "boxed": ["\\boxed{117 \\text{ cm}^2}"],
        },
    ),
    (
        "Three friends share 48 cookies equally. How many cookies does each friend get?", "16",
        {
            "tag": ["16", "16 cookies", "16 cookies each", "Each friend gets 16 cookies.", "Each gets 16", "sixteen (16)"],
            "hash": ["48/3=16\n#### 16", "#### 16 cookies each", "#### Each friend gets 16 cookies."],
            "auto": ["48 cookies for three friends: each friend gets 16 cookies."],
        },
    ),
    (
        "A tank holds 500 liters and is 60% full. How many liters are in the tank?", "300",
        {
            "tag": ["300", "300 liters", "300 L", "There are 300 liters in the tank.", "The tank has 300 liters of water.", "300l"],
            "hash": ["0.6 * 500 = 300\n#### 300", "#### 300 liters", "#### \\boxed{300}"],
            "boxed": ["The tank holds \\boxed{300} liters at the moment."],
        },
    ),
    (
        "Nora reads 30 pages a day. How many days does she need for a book of 450 pages?", "15",
        {
            "tag": ["15", "15 days", "She needs 15 days.", "It takes her 15 days.", "It will take Nora 15 days to read the book."],
            "hash": ["450 / 30 = 15\n#### 15", "#### 15 days", "#### 15. Nora needs 15 days."],
            "auto": ["450 pages at 30 pages a day is 15 days. Nora needs 15 days.", "Final answer: 15"],
        },
    ),
    (
        "A phone costs $640 and is reduced by 15%. What does it cost now?", "544",
        {
            "tag": ["544", "$544", "544 dollars", "The phone now costs $544.", "It costs $544 now.", "$544.00", "The new price is $544."],
            "hash": ["640 * 0.85 = 544\n#### 544", "#### $544"],
            "auto": ["The discount is $96. The phone costs $544 now."],
        },
    ),
)  # fmt: skip


def wordings() -> list[tuple[str, str, str, str]]:
    """(question, gold, format, completion) for each completion."""
    frames = {"tag": "<reasoning>\nLet me think.\n</reasoning>\n<answer>\n{}\n</answer>"}
    return [
        (question, gold, form, frames.get(form, "{}").replace("{}", text))
        for question, gold, by_format in WORDINGS
        for form, texts in by_format.items()
        for text in texts
    ]
