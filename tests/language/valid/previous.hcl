locals {
  since = try(previous.task.load.output.last, "1970-01-01")
}

workflow "incremental" {
  schedule {
    cron = "0 4 * * *"
  }
  task "load" {
    command = ["./load.sh", local.since, try(previous.run.time, "")]
    when    = !can(previous.run.id) || previous.run.date != run.date
    env     = { FIRST = can(previous.run.id) ? "" : "1", OF_REGION = try(previous.task.regions["eu"].output.n, 0) }
    lock    = try(previous.run.id, "first")
  }
  task "regions" {
    for_each = try(previous.task.load.output.regions, { eu = 1 })
    command  = ["echo", try(previous.task.regions[each.key].output.n, "0")]
  }
}
