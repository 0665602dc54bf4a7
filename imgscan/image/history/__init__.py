"""The history of an image, read back: who made each layer, and with which instruction.

join_history         the config's history, entry by entry, each with the layer it made
parse_created_by     one `created_by` string, whichever builder wrote it
first_shell, shell_words
                     the shell that RUNs go through, before and after a SHELL
assignments          the names and values of an ENV, ARG or LABEL
"""

from imgscan.image.history.assignments import assignments
from imgscan.image.history.created_by import parse_created_by
from imgscan.image.history.join import JoinedHistory, first_shell, join_history, shell_words

__all__ = ["JoinedHistory", "assignments", "first_shell", "join_history", "parse_created_by", "shell_words"]
