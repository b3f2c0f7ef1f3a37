"""Where a sweep runs beside this machine: a `Submission`, rendered for SLURM, KubeRay or `ray up`.

Each place is a file with the same five functions: `render`, `submit`, `status`, `logs`, `stop`.
The sweep's resolved specification travels as a file; `entrypoint` begins or resumes it there.
"""
