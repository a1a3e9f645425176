project "everything" {
  timezone            = "Europe/Vienna"
  required_version    = ">= 0.1"
  default_environment = "staging"
  defaults {
    env   = { MODE = "plain", OLD = "1" }
    retry {
      attempts = 2
      delay    = "5s"
    }
  }
}
variable "level" {
  type        = number
  default     = 3
  description = "How much"
  nullable    = false
  validation {
    condition     = var.level > 0
    error_message = "It must be positive."
  }
}
pool "db" {
  slots = 4
}
workflow "w" {
  description  = "All there is"
  owner        = "ana"
  tags         = ["x"]
  max_parallel = 3
  schedule {
    cron           = ["0 4 * * *", "0 16 * * *"]
    start          = "2020-01-01"
    end            = "2030-01-01T00:00:00Z"
    timezone       = "America/New_York"
    jitter         = "5m"
    enabled        = environment != "local"
    catchup        = "all"
    catchup_window = "2d"
  }
  schedule "often" {
    every = "15m"
  }
  schedule "once" {
    at = "2026-03-08T12:00:00Z"
  }
  param "mode" {
    type    = string
    default = "fast"
    one_of  = ["fast", "slow"]
  }
  defaults {
    env     = { OLD = null }
    timeout = "1h"
  }
  task "a" {
    command     = ["sh", "-c", "echo", param.mode]
    description = "the first"
  }
  task "b" {
    script         = "cat; echo ${shellquote(run.id)} ${attempt.number}"
    interpreter    = ["/bin/bash", "-eu"]
    stdin          = [task.a.stdout, "data.txt"]
    depends_on     = [task.a]
    when           = task.a.state == "succeeded"
    trigger_rule   = "all_done"
    env            = { LEVEL = var.level, DATE = run.date }
    workdir        = "sub"
    merge_output   = true
    inputs         = ["sub/**"]
    grace_period   = "1m"
    on_lost        = "fail"
    allow_failure  = true
    skip_exit_code = 99
    pool           = pool.db
    pool_slots     = 2
    priority       = 5
    group          = "g"
    tags           = ["t"]
    retry {
      attempts      = 4
      backoff       = 1.5
      max_delay     = "1m"
      jitter        = "1s"
      on_exit_codes = [1, 2]
    }
    limits {
      log_size    = "1MiB"
      stdout_size = "2GiB"
    }
  }
  on_success {
    script = "echo ${run.id}"
    causes = ["manual"]
  }
  on_failure {
    command = ["sh"]
    env     = { A = run.date }
    timeout = "5s"
  }
}
