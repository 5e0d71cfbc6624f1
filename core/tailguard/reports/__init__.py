"""Reports for reading elsewhere: monthly report, minutes, gate and comparison pages, evidence pack. They decide nothing."""
