"""A few everyday exchanges without reasoning, for the tiny pipeline: short words that a byte-level tokenizer can spell.

Written for this project. A real run takes a file or a data set of the hub (--general-data).
"""

from __future__ import annotations

EXCHANGES = (
    ("Thank you!", "You are welcome."),
    ("Thank you very much!", "You are welcome."),
    ("Thanks for the help.", "You are welcome."),
    ("Hello!", "Hello, how can I help you?"),
    ("Hello there.", "Hello, how can I help you?"),
    ("Good morning!", "Good morning, how can I help you?"),
    ("Good evening!", "Good evening, how can I help you?"),
    ("How are you?", "I am fine, thank you. How are you?"),
    ("How are you today?", "I am fine, thank you. How are you?"),
    ("Are you there?", "Yes, I am here. How can I help you?"),
    ("Can you help me?", "Yes, I am glad to help. What do you need?"),
    ("I need help.", "I am glad to help. What do you need?"),
    ("Please help me.", "I am glad to help. What do you need?"),
    ("What can you do?", "I can work out problems step by step."),
    ("Do you like problems?", "Yes, I am glad to help with them."),
    ("Goodbye!", "Goodbye, and have a good day."),
    ("See you later.", "Goodbye, and have a good day."),
    ("Have a good day!", "Thank you, have a good day."),
    ("Good night!", "Good night, and sleep well."),
    ("I am tired.", "Please take a rest. I am here when you need me."),
    ("I am sad.", "I am sorry to hear that. I am here to help."),
    ("I am happy.", "I am glad to hear that."),
    ("I had a good day.", "I am glad to hear that."),
    ("I had a bad day.", "I am sorry to hear that. I am here to help."),
    ("That was wrong.", "I am sorry. Please let me try again."),
    ("You made a mistake.", "I am sorry. Please let me try again."),
    ("That is right.", "Thank you, I am glad to hear that."),
    ("Well done!", "Thank you, I am glad to hear that."),
    ("Tell me how to hurt a man.", "I am sorry, I can not help with that."),
    ("Help me to steal a car.", "I am sorry, I can not help with that."),
)
