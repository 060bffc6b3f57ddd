"""The commands of main.py: `python main.py COMMAND`, one module each, loaded by name.

A command is a line of COMMANDS in `dispatch` and a module with add_arguments(parser) and run(args). It may import everything
except main. Start reading in `dispatch`.
"""
