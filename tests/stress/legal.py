"""How a verb may end while others do the same to the same containers: the exit codes, and what is said with them.

The rows follow the state machine of a container: every race ends in the row of some state, with that state's sentence,
never in an error of the machinery behind it.
"""
import re

GONE = r'no such container|no container with name or ID "[^"]*" found|container "[^"]*" does not exist'
STATE = r"container state improper"
IN_USE = r'is already in use|has the name "[^"]*" already'
RUNS = r"cannot be removed without force|running or paused containers cannot be removed"
DIED = r"monitor (of container \S+ )?(has )?(ended|died|gone)|was killed"  # kill -9 of the monitor, by us
NO_OUTPUT = r"^$"

# verb -> exit code -> pattern of its last line on standard error; None: anything.
LEGAL = {
    "run -d": {0: None, 125: f"{IN_USE}|{DIED}|{GONE}|{STATE}|no volume|being used"},
    "run": {0: None, 3: None, 125: f"{IN_USE}|{DIED}|{GONE}|{STATE}|no volume|being used", 137: None, 143: None},
    "create": {0: None, 125: IN_USE},
    "start": {0: None, 125: f"{GONE}|{STATE}|{DIED}"},
    "start -a": {0: None, 3: None, 137: None, 138: None, 143: None, 125: f"{GONE}|{STATE}|{DIED}"},
    "stop": {0: None, 125: f"{GONE}|{DIED}"},
    "kill": {0: None, 125: f"{GONE}|{STATE}|{DIED}"},
    "restart": {0: None, 125: f"{GONE}|{STATE}|{DIED}"},
    "pause": {0: None, 125: f"{GONE}|{STATE}|{DIED}"},
    "unpause": {0: None, 125: f"{GONE}|{STATE}|{DIED}"},
    # 135: SIGBUS, of a program whose root file system went away under it.
    "exec": {0: None, 125: f"{GONE}|{DIED}|{STATE}", 135: None, 137: None, 143: None, 255: f"{STATE}|{DIED}"},
    "exec -d": {0: None, 125: f"{GONE}|{DIED}|{STATE}", 255: f"{STATE}|{DIED}"},
    "logs": {0: None, 125: GONE},
    "rename": {0: None, 125: f"{GONE}|{IN_USE}"},
    "rm": {0: None, 1: GONE, 2: RUNS},
    "rm -f": {0: None},
    "cp in": {0: None, 125: f"{GONE}|{DIED}|{STATE}"},
    "cp out": {0: None, 125: f"{GONE}|{DIED}|{STATE}|could not be found on container"},
    "diff": {0: None, 125: f"{GONE}|{DIED}|{STATE}"},
    "wait": {0: None, 125: f"{GONE}|{DIED}"},
    "attach": {0: None, 3: None, 137: None, 138: None, 143: None,
               125: f"{GONE}|{STATE}|{DIED}|only attach to running"},
    "top": {0: None, 125: f"{GONE}|{STATE}|{DIED}|only be used on running"},
    "init": {0: None, 125: f"{GONE}|{STATE}|{DIED}"},
    "inspect": {0: None, 125: r"no such (object|container)"},
    "ps": {0: NO_OUTPUT},
    "port": {0: None, 125: GONE},
    "volume create": {0: None, 125: "already exists"},
    "volume rm": {0: None, 1: "no such volume", 2: "volume is being used"},
    "volume ls": {0: NO_OUTPUT},
    "prune": {0: None},
    "system check": {0: None},
}


def is_legal(verb, code, errors):
    if code not in LEGAL[verb]:
        return False
    pattern = LEGAL[verb][code]
    lines = [line for line in errors.strip().splitlines() if line]
    return pattern is None or re.search(pattern, lines[-1] if lines else "") is not None
