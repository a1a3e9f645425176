project "weather" {
  timezone = "America/Los_Angeles"
}

variable "station" {
  type    = string
  default = "seattle"
}

locals {
  measures = ["temperature", "rain", "wind"]
}

workflow "daily" {
  description = "Summarise a day of observations, then refresh the month's report"

  schedule {
    cron    = "55 23 * * *"
    start   = "2012-01-01"
    end     = "2016-01-01"
    catchup = "latest"
  }

  task "extract" {
    command = ["python3", "extract.py", "--station", var.station, "--date", run.date]
    inputs  = ["extract.py"]                # not the data: it grows every day
  }

  task "summarise" {
    for_each = toset(local.measures)
    command  = ["python3", "summarise.py", each.key]
    stdin    = task.extract.stdout          # a pipe, and so an edge of the DAG

    retry {
      attempts = 3
      delay    = "10s"
      backoff  = 2
    }
  }

  task "report" {
    depends_on = [task.summarise]
    script     = <<-EOT
      python3 report.py --month ${formatdate("YYYY-MM", run.time)} --day ${run.date} --max ${shellquote(task.summarise["temperature"].output.max)}
    EOT
    timeout    = "5m"
  }

  on_failure {
    command = ["./notify.sh", run.id]
  }
}
