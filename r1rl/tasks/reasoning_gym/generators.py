"""The generators of reasoning-gym 0.1.25: the answer type of each one that can be graded, and why the others cannot.

The table makes a task known without the package, which reports and exported rewards do not need.
"""

from __future__ import annotations

from dataclasses import dataclass

from r1rl.records import NUMBER, TEXT
from r1rl.system.errors import UserError, unknown_name

FAMILY = "reasoning-gym"


@dataclass(frozen=True, slots=True)
class Generator:
    """How a generator's problems are graded, and which field of their metadata is their level (few whole numbers)."""

    answer_type: str
    level: str | None = None
    has_solutions: bool = False


# The level is the first key of metadata["difficulty"] whose value in the metadata is one of at most 13 whole numbers.
GENERATORS = {
    **dict.fromkeys(
        (
            "aiw", "binary_alternation", "circuit_logic", "count_bits", "count_primes", "dice", "gcd", "largest_island",
            "lcm", "letter_counting", "rectangle_count", "rotten_oranges", "self_reference",
            "simple_equations", "simple_geometry",
        ),
        Generator(NUMBER),
    ),
    "basic_arithmetic": Generator(NUMBER, "num_terms"),
    "chain_sum": Generator(NUMBER, "num_terms"),
    "coin_flip": Generator(NUMBER, "num_trials"),
    "decimal_arithmetic": Generator(NUMBER, "num_terms"),
    "decimal_chain_sum": Generator(NUMBER, "num_terms"),
    "gsm_symbolic": Generator(NUMBER, has_solutions=True),
    "leg_counting": Generator(NUMBER, "num_animals"),
    "maze": Generator(NUMBER, "grid_size"),
    "number_format": Generator(NUMBER, "num_candidates"),
    "products": Generator(NUMBER, "num_digits"),
    **dict.fromkeys(
        (
            "acre", "arc_1d", "base_conversion", "bitwise_arithmetic", "caesar_cipher", "calendar_arithmetic",
            "color_cube_rotation", "course_schedule", "emoji_mystery", "letter_jumble", "mahjong_puzzle", "needle_haystack",
            "sentence_reordering", "string_insertion", "string_splitting", "string_synthesis", "syllogism",
            "word_sequence_reversal",
        ),
        Generator(TEXT),
    ),
    "family_relationships": Generator(TEXT, "family_size"),
    "path_star": Generator(TEXT, "path_length"),
    "spell_backward": Generator(TEXT, "word_len"),
    "spiral_matrix": Generator(TEXT, "n"),
    "string_manipulation": Generator(TEXT, "num_rules"),
    "word_sorting": Generator(TEXT, "num_words"),
}  # fmt: skip

# Scorers of the package are not used: several of them run the answer as Python code (eval, sympy's parse_expr).
SEVERAL = "a problem has several right answers, which only a checker of its own can tell from wrong ones"
NOTATION = "an answer can be written in several ways, and neither a number nor a text compares them"
GRID = "its answers are grids, whose line breaks a comparison as text ignores"
SLOW = "it takes minutes to generate a run's problems"
UNSTABLE = "the same seed gives different problems in different processes"
REASONS = {
    SEVERAL: (
        "ab", "boxnet", "graph_color", "jugs", "knight_swap", "n_queens", "palindrome_generation",
        "palindrome_partitioning", "propositional_logic", "puzzle24", "quantum_lock", "rubiks_cube", "rush_hour",
        "shortest_path", "sokoban", "tower_of_hanoi", "tsumego", "word_ladder",
    ),
    NOTATION: (
        "advanced_geometry", "codeio", "complex_arithmetic", "cryptarithm", "fraction_simplification", "group_anagrams",
        "intermediate_integration", "number_filtering", "number_sorting", "polynomial_equations",
        "polynomial_multiplication", "power_function", "prime_factorization", "simple_integration", "time_intervals",
    ),
    GRID: (
        "arc_agi", "binary_matrix", "futoshiki", "game_of_life", "kakurasu", "manipulate_matrix", "mini_sudoku",
        "modulo_grid", "pool_matrix", "rearc", "rotate_matrix", "sudoku", "survo",
    ),
    SLOW: ("figlet_font", "game_of_life_halting", "number_sequence", "zebra_puzzles"),
    UNSTABLE: ("isomorphic_strings", "list_functions", "ransom_note"),
    "its generator prints to the terminal": ("bf",),
    "it mixes other generators, which options cannot name": ("composite",),
    "r1rl has a task of that name with a checker of its own: use --dataset-name countdown": ("countdown",),
    "r1rl has a task of that name with a checker of its own: use --dataset-name knights_knaves": ("knights_knaves",),
}  # fmt: skip
REFUSED = {name: reason for reason, names in REASONS.items() for name in names}


def generator_named(name: str) -> Generator:
    """Returns the entry of the table. Raises UserError for a refused or unknown generator."""
    if name in REFUSED:
        raise UserError(
            f"--dataset-name {FAMILY}:{name} cannot be trained on: {REFUSED[name]}. The generators that can be are listed "
            "in docs/data.md."
        )
    if name not in GENERATORS:
        raise unknown_name("--dataset-name", f"{FAMILY}:{name}", [f"{FAMILY}:{known}" for known in GENERATORS])
    return GENERATORS[name]
