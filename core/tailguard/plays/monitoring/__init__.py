"""Play 4, diversity monitoring: the suite, the weekly streams of production texts, and the alerts.

`suite` and `suite_proposal` make the frozen set of prompts, `streams` measures production, `alerts` notifies people, `findings`
reads what the log shows of all that.
"""
