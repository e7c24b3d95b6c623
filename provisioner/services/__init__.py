"""One file per stage, in flow order: submit, plan, approve, apply, record; and what stops or mends a run."""
