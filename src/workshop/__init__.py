"""The workshop's harness: what grades, replays and explains the exercises."""
