"""Play 2, mixing ratios: how much synthetic text a training set holds, and how much it may.

`anchor` keeps the human reference, `clearance` answers training jobs with a signed `statement` that `require` checks, `audit` is
the second signature on a training set, `ceilings` calibrates the limit, `findings` reads what the log shows of all that.
"""
