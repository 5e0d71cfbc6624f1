"""The whole workflow, stage by stage: started, advanced, resumed."""
