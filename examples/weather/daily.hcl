# extract ─┬─▶ summarise["rain"] ────────┬─▶ report
#          ├─▶ summarise["temperature"] ─┤
#          └─▶ summarise["wind"] ────────┘

workflow "daily" {
  description = "Summarise a day of observations, then refresh the month's report"

  schedule {
    cron    = "55 23 * * *"
    start   = "2012-01-01"
    end     = "2016-01-01"
    catchup = "latest"
  }

  # Prints the day's observations.
  task "extract" {
    command = ["python3", "extract.py", "--station", var.station, "--date", run.date]
    inputs  = ["extract.py"] # not the data: it grows every day, and that is no change of the task
  }

  # One instance for each measure, all at the same time.
  task "summarise" {
    for_each = toset(local.measures)
    command  = ["python3", "summarise.py", each.key]
    stdin    = task.extract.stdout # a pipe, and so an edge of the graph

    retry {
      attempts = 3
      delay    = "10s"
      backoff  = 2
    }
  }

  # Keeps $CRONICLE_DATA/reports/YYYY-MM.md and .svg, whichever days are done and in whichever order.
  task "report" {
    depends_on = [task.summarise]
    script     = <<-EOT
      python3 report.py --month ${formatdate("YYYY-MM", run.time)} --day ${run.date} \
        --max ${shellquote(task.summarise["temperature"].output.max)} \
        --min ${shellquote(task.summarise["temperature"].output.min)} \
        --rain ${shellquote(task.summarise["rain"].output.total)} \
        --wind ${shellquote(task.summarise["wind"].output.max)}
    EOT
    timeout    = "5m"
  }

  on_failure {
    command = ["./notify.sh", run.id]
  }
}
