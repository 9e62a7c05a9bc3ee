class Breaker:
    def __init__(self, rate, least, window, pause, trials):
        self.rate, self.least, self.window, self.pause, self.trials = (
            rate,
            least,
            window,
            pause,
            trials,
        )
        self.lock = threading.Lock()
        self.state, self.turn, self.until = "closed", 0, 0.0
        self.ended, self.begun, self.well = [], 0, 0

    def __call__(self, call):
        turn = self.admit()
        try:
            answer = call()
        except valkey.AuthenticationError:
            self.note(turn, False)
            raise
        except (valkey.ConnectionError, valkey.TimeoutError):
            self.note(turn, True)
            raise
        except BaseException:
            self.note(turn, False)
            raise
        self.note(turn, False)
        return answer

    def admit(self):
        with self.lock:
            now = time.monotonic()
            if self.state == "open":
                if now < self.until:
                    raise CircuitOpenError
                self.turn += 1
                self.state, self.begun, self.well = "half-open", 0, 0
            if self.state == "half-open":
                if self.begun >= self.trials:
                    raise CircuitOpenError
                self.begun += 1
            return self.state

    def note(self, turn, failed):
        with self.lock:
            if turn != self.state:
                return
            now = time.monotonic()
            if self.state == "half-open":
                if failed:
                    self.open(now)
                    return
                self.well += 1
                if self.well >= self.trials:
                    self.turn += 1
                    self.state, self.ended = "closed", []
                return
            self.ended.append((now, failed))
            self.ended = [(when, bad) for when, bad in self.ended if when > now - self.window]
            failures = sum(bad for _, bad in self.ended)
            if failed and len(self.ended) >= self.least and failures / len(self.ended) >= self.rate:
                self.open(now)

    def open(self, now):
        self.turn += 1
        self.state, self.until = "open", now + self.pause


def circuit_breaker(*, rate, least, window, pause, trials):
    if not 0 < rate <= 1:
        raise ValueError(rate)
    return Breaker(rate, least, window, pause, trials)
