secret "password" {
  command = ["pass", "show", "db"]
}

project "everything" {
  timezone            = "Europe/Vienna"
  required_version    = ">= 0.1"
  default_environment = "staging"
  require_signed      = environment == "staging" ? "sub/data.txt" : null
  git {
    remote   = "git@git.example.org:everything.git"
    key_file = "~/.ssh/deploy_key"
    push     = true
    notes    = true
  }
  defaults {
    env   = { MODE = "plain", OLD = "1" }
    retry {
      attempts = 2
      delay    = "5s"
    }
  }
  heartbeat {
    every   = "5m"
    command = ["curl", "https://watcher.example/cronicle"]
  }
  on_deploy_failed {
    script  = "mail -s ${project.name}/${environment} admin@example.org"
    env     = { KIND = "deploy" }
    timeout = "30s"
  }
  retention {
    runs       = "800d"
    logs       = "90d"
    run_data   = "7d"
    total_size = "100GiB"

    prepared      = "60d"
    prepared_size = "50GB"
  }
  on_failure {
    command = ["./notify.sh", run.id]
    after   = 3
  }
  on_not_fresh {
    command = ["./notify.sh", environment]
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
prepare "venv" {
  script  = <<-EOT
    python3 -m venv "$CRONICLE_PREPARED"
    "$CRONICLE_PREPARED/bin/pip" install --requirement sub/data.txt
  EOT
  inputs  = ["sub/data.txt"]
  env     = { LEVEL = var.level, HOME = null }
  timeout = "20m"
}
prepare "downloaded" {
  command = ["curl", "--remote-name", "https://example.org/tool-1.2"]
  inputs  = []
}
prepare "program" {
  command = ["sh", "notify.sh", local.target]
}
locals {
  target = "release-${environment}"
  tool   = "${prepare.program.path}/tool:${prepare.downloaded.path}/tool-1.2"
}
calendar "holidays" {
  dates    = ["2026-01-01"]
  weekdays = ["sat", "sun"]
  file     = "holidays.txt"
}
moved {
  from = workflow.oldest
  to   = workflow.old
}
moved {
  from = workflow.old
  to   = workflow.w
}
moved {
  from = workflow.w.task.first
  to   = workflow.w.task.a
}
workflow "w" {
  description  = "All there is"
  owner        = "ana"
  runbook      = "sub/data.txt"
  tags         = ["x"]
  max_parallel = 3
  rerun        = "confirm"

  overlap              = "queue"
  queue_limit          = 10
  max_active_runs      = 2
  depends_on_past      = true
  start_within         = "1h"
  requires             = [workflow.follows]
  on_deploy            = true
  timeout              = "6h"
  priority             = 5
  lock                 = "w/${param.mode}/${run.date}"
  late_after           = "2h"
  fresh_within         = "2d"
  pause_after_failures = 5
  schedule {
    cron           = ["0 4 * * *", "0 16 * * *"]
    start          = "2020-01-01"
    end            = "2030-01-01T00:00:00Z"
    timezone       = "America/New_York"
    jitter         = "5m"
    enabled        = environment != "local"
    catchup        = "all"
    catchup_window = "2d"
    exclude        = calendar.holidays
  }
  schedule "often" {
    every = "15m"
  }
  schedule "boot" {
    on     = "start"
    params = { mode = "slow" }
  }
  schedule "days_off" {
    cron = "0 12 * * *"
    only = calendar.holidays
  }
  schedule "once" {
    at = "2026-03-08T12:00:00Z"
  }
  param "mode" {
    type    = string
    default = "fast"
    one_of  = ["fast", "slow"]
    validation {
      condition     = length(param.mode) == 4
      error_message = "It must have four letters, and ${param.mode} has not."
    }
  }
  defaults {
    env     = { OLD = null }
    timeout = "1h"
    runs_on = ["linux"]
  }
  task "a" {
    command     = ["${prepare.venv.path}/bin/python", "extract.py", param.mode, local.tool]
    env         = { PATH = "${prepare.program.path}/bin:/usr/bin:/bin" }
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
    produces       = ["reports/${run.date}/*.csv", "log/${param.mode}"]
    grace_period   = "1m"
    on_lost        = "fail"
    allow_failure  = true
    skip_exit_code = 99
    rerun          = "never"
    reuse          = true
    pool           = pool.db
    pool_slots     = 2
    lock           = "b/${run.date}"
    priority       = 5
    runs_on        = ["gpu", "zone:${var.level}"]
    group          = "g"
    tags           = ["t"]
    retry {
      attempts      = 4
      backoff       = 1.5
      max_delay     = "1m"
      jitter        = "1s"
      on_exit_codes = [1, 2]
    }
    wait {
      every      = "5m"
      timeout    = "2h"
      not_yet    = 3
      on_timeout = "skip"
    }
    limits {
      memory      = "512MiB"
      cpu_time    = "10m"
      open_files  = 256
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
  on_start {
    command = ["sh"]
  }
  on_finish {
    command = ["sh"]
  }
  on_recovery {
    command = ["sh"]
  }
  on_retry {
    command = ["sh"]
  }
  on_late {
    command = ["sh", run.id]
  }
  on_pause {
    command = ["sh", var.level]
  }
  on_not_fresh {
    script = "true"
  }
}
workflow "follows" {
  after       = [workflow.w]
  after_state = "finished"
  task "a" {
    command = ["true"]
  }
}
