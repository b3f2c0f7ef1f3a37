"""Many trainings of like shape as one batch of operations, each with the numbers it has alone.

After HFTA (https://arxiv.org/abs/2102.02344), whose fused operators run the models of several jobs
side by side; here members come and go on the way, and none of them notices.
"""
