"""Plays watch: one folder a play, with what is read, decided and found of it, and beside them what is true of all five.

`status` asks every play, `audit` says whether each is really running, `decay` how a defence erodes, `calendar` what is due,
`permission` whether a generation may ship; `finding` has the kinds of findings. People act through `attest`, `assignment` and
the folders of the plays.
"""
