"""Run a program on a terminal of its own and answer its questions.

    terminal.py QUESTION ANSWER [QUESTION ANSWER ...] -- PROGRAM ARGS...

An answer is typed when its question has appeared behind the one before; \\n and \\003 in it are what they are in C. All
that the terminal showed goes to stdout; the exit code is the program's, or 99 when a question did not come.
"""
import os
import pty
import select
import sys
import time

LIMIT_S = 120   # for what hangs, not for what is slow


def more(terminal, deadline):
    """What the terminal shows next; nothing when the program is gone or the time is up."""
    ready, _, _ = select.select([terminal], [], [], max(0, deadline - time.monotonic()))
    try:
        return os.read(terminal, 65536) if ready else b''
    except OSError:   # Linux's way to say that the other side is closed
        return b''


def talk(terminal, answers, deadline):
    """All that was shown, and the first question that never came."""
    shown, asked_to = b'', 0
    for question, answer in answers:
        while question not in shown[asked_to:]:
            text = more(terminal, deadline)
            if not text:
                return shown, question
            shown += text
        asked_to = shown.index(question, asked_to) + len(question)
        os.write(terminal, answer)
    while text := more(terminal, deadline):
        shown += text
    return shown, None


def main(words):
    split = words.index('--')
    plain = [os.fsencode(word) for word in words[:split]]
    answers = [(q, a.decode('unicode_escape').encode()) for q, a in zip(plain[::2], plain[1::2])]
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(words[split + 1], words[split + 1:])
    shown, missing = talk(terminal, answers, time.monotonic() + LIMIT_S)
    os.close(terminal)   # a program that still waits gets SIGHUP
    sys.stdout.buffer.write(shown)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if missing is not None:
        print('\nterminal.py: %r was not asked; exit code %d' % (missing, code))
        return 99
    return code if code >= 0 else 128 - code


sys.exit(main(sys.argv[1:]))
