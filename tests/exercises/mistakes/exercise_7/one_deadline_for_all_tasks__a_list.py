ends = ContextVar("ends")


def all_ends():
    try:
        return ends.get()
    except LookupError:
        ends.set([])
        return ends.get()


@contextmanager
def deadline(seconds):
    all_ends().append(time.monotonic() + seconds)
    try:
        yield
    finally:
        all_ends().pop()


def time_left(most):
    if not all_ends():
        return most
    left = min(all_ends()) - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return min(most, left)
