"""The relations of word problems and their wordings, a file for each kind of calculation."""

from r1rl.commands.pretrain.wordings import additions, additive_steps, mixed_steps, products, quotients, subtractions

KINDS = (additions, subtractions, products, quotients, additive_steps, mixed_steps)
RELATIONS = tuple(relation for kind in KINDS for relation in kind.RELATIONS)
