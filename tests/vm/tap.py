"""TAP for tests in Python: ok(), equal(), diag(), and a main that turns a failure into a readable not ok."""
import sys
import traceback

count = 0
failures = 0


def ok(condition, name, why=''):
    """One test. why: said when it failed."""
    global count, failures
    count += 1
    failures += not condition
    print('%sok %d - %s' % ('' if condition else 'not ', count, name), flush=True)
    if not condition and why:
        diag(why)
    return bool(condition)


def equal(got, want, name):
    return ok(got == want, name, 'got:  %r\nwant: %r' % (got, want))


def skip(name, reason):
    global count
    count += 1
    print('ok %d - %s # SKIP %s' % (count, name, reason), flush=True)


def diag(text):
    """A remark, shown by prove -v; on stderr it would disturb the run's own output."""
    print(''.join('# %s\n' % line for line in str(text).splitlines()), end='', flush=True)


def run(test):
    """Run a test function, print the plan, and end the process with its verdict."""
    global failures
    try:
        test()
    except Exception as error:   # whatever went wrong is this test's failure, in words
        ok(False, test.__doc__ or test.__name__, str(error) if type(error).__name__ == 'Failed' else traceback.format_exc())
        print('# ' + str(error).replace('\n', '\n# '), file=sys.stderr)
    print('1..%d' % count, flush=True)
    sys.exit(1 if failures else 0)
