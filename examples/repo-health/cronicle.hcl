# commits ─┬─▶ authors ─┬─▶ record
#          └─▶ churn ───┤
# size ─────────────────┘

project "repo-health" {
  timezone = "UTC"
}

# However many days are looked at side by side, no more than two tasks read the repository at a time.
pool "git" {
  slots = 2
}

workflow "health" {
  description = "A day of this repository's own history: its size, who worked on it, how much changed"

  schedule {
    cron = "0 3 * * *"
  }

  # One line a commit: id, author, lines added, lines deleted.
  task "commits" {
    command = ["./history.sh", "commits"]
    pool    = pool.git
  }

  # Files and bytes at the day's end.
  task "size" {
    command = ["./history.sh", "size"]
    pool    = pool.git
  }

  task "authors" {
    stdin  = task.commits.stdout
    script = <<-EOT
      awk -F '\t' '!seen[$2]++ { count++ } END { print "count=" count + 0 }' >>"$CRONICLE_OUTPUT"
    EOT
  }

  task "churn" {
    stdin  = task.commits.stdout
    script = <<-EOT
      awk -F '\t' '
        { added += $3; deleted += $4 }
        END { print "commits=" NR; print "added=" added + 0; print "deleted=" deleted + 0 }
      ' >>"$CRONICLE_OUTPUT"
    EOT
  }

  # A file for each day, replaced as a whole: a day can be done again, and days can be done in any order.
  # A run at 03:00 looks at the day before: the interval from the previous tick to its own.
  task "record" {
    env = {
      DAY = run.interval.date
      FIGURES = join(",", [
        run.interval.date,
        task.size.output.files, task.size.output.bytes, task.authors.output.count,
        task.churn.output.commits, task.churn.output.added, task.churn.output.deleted,
      ])
    }
    script = <<-EOT
      mkdir -p "$CRONICLE_DATA/days"
      echo "$FIGURES" >"$CRONICLE_SCRATCH/day"
      mv "$CRONICLE_SCRATCH/day" "$CRONICLE_DATA/days/$DAY"
      echo "$FIGURES"
    EOT
  }
}
