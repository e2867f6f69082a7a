"""The servers that are compared: how each is configured, started, and stopped."""

from .built import Centrifugo, NatsBuilt, SocketIo, Spring3, Spring4, Spring4Tuned
from .cluster import (CentrifugoRedis, PlugboardRedis, PlugboardSingle, SocketIoRedis, Spring3Redis, Spring4Redis,
                      Spring4TunedRedis)
from .own import (Limit, LimitAgain, LimitRing, LimitTls, Plugboard, PlugboardAuth, PlugboardAuthNew, PlugboardBase,
                  PlugboardChat, PlugboardDeflate, PlugboardSend, PlugboardTls, PlugboardTwo, PlugboardXhr)
from .packaged import PEER_PACKAGES, Mosquitto, MosquittoTls, Nats, Nchan, NchanTls, RabbitMQ
from .process import Unavailable, free_port

OWN = (Limit, LimitRing, LimitTls, Plugboard, PlugboardTls, PlugboardSend, PlugboardTwo, PlugboardRedis,
       PlugboardSingle, PlugboardAuth, PlugboardAuthNew, PlugboardChat, PlugboardXhr, PlugboardDeflate)
CONTROL = (LimitAgain, PlugboardBase)
PEERS = (Mosquitto, MosquittoTls, Nats, Nchan, NchanTls, RabbitMQ,
         NatsBuilt, Centrifugo, SocketIo, Spring3, Spring4, Spring4Tuned,
         CentrifugoRedis, SocketIoRedis, Spring3Redis, Spring4Redis, Spring4TunedRedis)

__all__ = ["CONTROL", "OWN", "PEERS", "PEER_PACKAGES", "Limit", "LimitTls", "Plugboard", "PlugboardBase", "Unavailable",
           "free_port"]
