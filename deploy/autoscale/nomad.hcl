# Nomad Autoscaler: the count of the task group "edge" follows weir_pool_desired_nodes.
#
# In the autoscaler's own configuration:
#   apm "prometheus" {
#     driver = "prometheus"
#     config = { address = "http://prometheus:9090" }
#   }
#   strategy "pass-through" { driver = "pass-through" }
job "weir-edges" {
  group "edge" {
    count = 1

    scaling {
      enabled = true
      min     = 1
      max     = 10

      policy {
        evaluation_interval = "10s"
        # Cooldowns are weir's.
        cooldown = "10s"

        check "weir" {
          source = "prometheus"
          # Every dispatcher says what it believes; the highest is asked for.
          query = "max(weir_pool_desired_nodes{pool=\"edges\"})"

          # The number is the count: nothing is left to be worked out.
          strategy "pass-through" {}
        }
      }
    }

    network {
      port "rtmp" {}
      port "http" {}
    }

    task "weir" {
      driver = "exec"

      # SIGTERM drains; so long it may take.
      kill_signal  = "SIGTERM"
      kill_timeout = "10m"

      config {
        command = "/usr/local/bin/weir"
        args = [
          "serve", "--config", "/etc/weir/weir.toml", "--data", "${NOMAD_TASK_DIR}",
          "--set", "roles=[\"edge\"]",
          "--set", "node.id=\"edge-${NOMAD_ALLOC_ID}\"",
          "--set", "node.drain_ms=570000",
          "--set", "rtmp.listen=0.0.0.0:${NOMAD_PORT_rtmp}",
          "--set", "http.listen=0.0.0.0:${NOMAD_PORT_http}",
          "--set", "node.advertise=[\"rtmp://${NOMAD_ADDR_rtmp}\", \"http://${NOMAD_ADDR_http}\"]",
        ]
      }
    }
  }
}
