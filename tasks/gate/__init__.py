"""Gates: Great Expectations suites between two stages, and the rule pass, warn or hold."""
