"""How expressions are evaluated, rule by rule; `grammar.evaluate` is the way in."""
