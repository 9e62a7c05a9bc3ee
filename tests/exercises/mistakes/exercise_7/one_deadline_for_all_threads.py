class ends:
    end = None


@contextmanager
def deadline(seconds):
    end, around = time.monotonic() + seconds, ends.end
    ends.end = end if around is None else min(end, around)
    try:
        yield
    finally:
        ends.end = around


def time_left(most):
    if ends.end is None:
        return most
    left = ends.end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return min(most, left)
