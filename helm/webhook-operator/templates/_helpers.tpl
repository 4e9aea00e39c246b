{{/* The chart's name, at most 63 characters. */}}
{{- define "webhook-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Release and chart name, or the release's alone when it names the chart already; at most 63 characters. */}}
{{- define "webhook-operator.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The full name with a suffix, together at most 63 characters. Call with (list $ "suffix"). */}}
{{- define "webhook-operator.suffixed" -}}
{{- $suffix := index . 1 -}}
{{- $room := sub 62 (len $suffix) | int -}}
{{- printf "%s-%s" (include "webhook-operator.fullname" (index . 0) | trunc $room | trimSuffix "-") $suffix -}}
{{- end -}}

{{/* The name of what belongs to the cluster: two releases of one name in two namespaces must not share it. */}}
{{- define "webhook-operator.clusterName" -}}
{{- $plain := printf "%s-%s" .Release.Namespace (include "webhook-operator.fullname" .) -}}
{{- if le (len $plain) 63 -}}
{{- $plain -}}
{{- else -}}
{{- printf "%s-%s" ($plain | trunc 54 | trimSuffix "-") (sha256sum $plain | trunc 8) -}}
{{- end -}}
{{- end -}}

{{- define "webhook-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "webhook-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- define "webhook-operator.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "webhook-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: operator
app.kubernetes.io/part-of: webhook-operator
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "webhook-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "webhook-operator.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name is required when serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* Registry, repository, and digest or tag. */}}
{{- define "webhook-operator.image" -}}
{{- $repository := .Values.image.repository -}}
{{- with .Values.global.imageRegistry -}}
{{- $parts := splitList "/" $repository -}}
{{- if and (gt (len $parts) 1) (regexMatch "[.:]|^localhost$" (first $parts)) -}}
{{- $parts = rest $parts -}}
{{- end -}}
{{- $repository = printf "%s/%s" . (join "/" $parts) -}}
{{- end -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* A size as whole bytes. The schema has checked its form. */}}
{{- define "webhook-operator.bytes" -}}
{{- $units := dict "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- $unit := regexFind "[A-Za-z]+$" . -}}
{{- mul (trimSuffix $unit . | int64) (get $units $unit | default 1 | int64) -}}
{{- end -}}

{{/* What the schema can't say: contradictions between values. Included once, by the Deployment. */}}
{{- define "webhook-operator.validate" -}}
{{- $auth := .Values.nats.auth -}}
{{- if and (ne $auth.method "none") (not $auth.existingSecret) -}}
{{- fail (printf "nats.auth.existingSecret is required when nats.auth.method is %s" $auth.method) -}}
{{- end -}}
{{- if and (eq $auth.method "none") $auth.existingSecret -}}
{{- fail "nats.auth.method must say what nats.auth.existingSecret holds: creds, nkey or token" -}}
{{- end -}}
{{- if and .Values.nats.tls.clientCertificate (not .Values.nats.tls.existingSecret) -}}
{{- fail "nats.tls.existingSecret is required when nats.tls.clientCertificate is true" -}}
{{- end -}}
{{- if lt (int .Values.terminationGracePeriodSeconds) (add 10 (int .Values.shutdownTimeoutSeconds) | int) -}}
{{- fail (printf "terminationGracePeriodSeconds (%d) must be at least 10 more than shutdownTimeoutSeconds (%d), or pods are killed while they finish" (int .Values.terminationGracePeriodSeconds) (int .Values.shutdownTimeoutSeconds)) -}}
{{- end -}}
{{- if eq (int .Values.metrics.port) (int .Values.health.port) -}}
{{- fail "metrics.port and health.port must differ" -}}
{{- end -}}
{{- $default := .Values.classes.default -}}
{{- range $name, $install := dict "standard" .Values.classes.standard.install "in-cluster" .Values.classes.inCluster.install "card-board" .Values.classes.cardBoard.install -}}
{{- if and (eq $default $name) (not $install) -}}
{{- fail (printf "classes.default is %s, but that class is not installed; set it to another one or to an empty text" $name) -}}
{{- end -}}
{{- end -}}
{{- with .Values.nats.volumeSize -}}
{{- $streams := $.Values.streams -}}
{{- $sum := 0 -}}
{{- range list $streams.events $streams.retries $streams.backlog $streams.deadLetters $streams.state -}}
{{- $sum = add $sum (include "webhook-operator.bytes" .maxBytes | int64) -}}
{{- end -}}
{{- $limit := div (mul (include "webhook-operator.bytes" . | int64) 8) 10 -}}
{{- if gt $sum $limit -}}
{{- fail (printf "the streams' maxBytes sum up to %d bytes, more than 80 %% of nats.volumeSize (%d bytes); make streams smaller or the volume larger" $sum $limit) -}}
{{- end -}}
{{- end -}}
{{- end -}}
